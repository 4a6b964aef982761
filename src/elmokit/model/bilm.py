"""The bidirectional language model of Peters et al. 2018."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elmokit.config import ModelConfig
from elmokit.model.char_cnn import CharCnn
from elmokit.model.lexicon_encoder import LexiconEncoder
from elmokit.model.lstm.layer import LstmState, ProjectedLstm
from elmokit.model.softmax import Softmax

DIRECTIONS = ("forward", "backward")

DirectionState: TypeAlias = list[LstmState]
"""The states of one direction's layers, bottom first."""

Dropout: TypeAlias = Callable[[Tensor, str], Tensor]
"""Takes a packed activation (N, P) and its place in the network, such as ``forward_layer1_input``."""


class WordEmbedding(nn.Module):
    """Token vectors by word id, for biLMs without characters."""

    def __init__(self, num_words: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_words, dim))
        self.sparse = True
        """Whether the gradient has only the rows of the words that occurred."""

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform, the default of the original's framework."""
        with torch.no_grad():
            nn.init.xavier_uniform_(self.weight, generator=generator)

    def forward(self, word_ids: Tensor) -> Tensor:
        """(U,) word ids to (U, P)."""
        return F.embedding(word_ids, self.weight, sparse=self.sparse)


class BiLM(nn.Module):
    """Character or word encoder, stacked LSTMs in one or two directions, softmax.

    Args:
        config: the geometry.
        num_words: V, size of the output vocabulary (and of the word embeddings); None where it is not
            known, as of a character model without softmax.
        with_softmax: False for a model that can embed but neither train nor score.

    The model keeps no state: LSTM states go in and out of :meth:`run`. Its parameters are
    uninitialized until :meth:`reset_parameters` or ``load_state_dict``.
    """

    def __init__(self, config: ModelConfig, num_words: int | None, *, with_softmax: bool = True) -> None:
        super().__init__()
        self.config = config
        self.num_words = num_words
        lstm = config.lstm
        self.encoder: CharCnn | WordEmbedding | LexiconEncoder
        if config.lexicon is not None:
            self.encoder = LexiconEncoder(config.lexicon, config.char_cnn, lstm.projection_dim)
        elif config.char_cnn is not None:
            self.encoder = CharCnn(config.char_cnn, lstm.projection_dim)
        else:
            assert num_words is not None, "word embeddings need a vocabulary"
            self.encoder = WordEmbedding(num_words, lstm.projection_dim)
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                ProjectedLstm(
                    lstm.projection_dim,
                    lstm.cell_dim,
                    lstm.projection_dim,
                    cell_clip=lstm.cell_clip,
                    projection_clip=lstm.projection_clip,
                    always_project=config.lexicon is not None,
                )
                for _ in range(lstm.num_layers)
            )
            for _ in range(config.num_directions)
        )
        self.softmax: Softmax | None = None
        if num_words is not None and with_softmax:
            tied = (
                self.encoder.weight
                if config.tie_softmax and isinstance(self.encoder, WordEmbedding)
                else None
            )
            self.softmax = Softmax(num_words, lstm.projection_dim, tied)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize every parameter as bilm-tf does."""
        self.encoder.reset_parameters(generator)
        for stack in self.stacks:
            for layer in self._layers(stack):
                layer.reset_parameters(generator)
        if self.softmax is not None:
            self.softmax.reset_parameters(generator)

    def zero_state(self, num_lanes: int) -> list[DirectionState]:
        """The states of all directions and layers before the first token."""
        return [[layer.zero_state(num_lanes) for layer in self._layers(stack)] for stack in self.stacks]

    def encode(self, char_ids: Tensor | None, word_ids: Tensor | None) -> Tensor:
        """Token vectors of distinct word types.

        Args:
            char_ids: (U, C), used by a character model.
            word_ids: (U,), used by a model with word embeddings. One with a lexicon may use both.

        Returns:
            (U, P).
        """
        if isinstance(self.encoder, LexiconEncoder):
            return self.encoder(char_ids, word_ids)  # type: ignore[no-any-return]
        ids = char_ids if isinstance(self.encoder, CharCnn) else word_ids
        assert ids is not None
        vectors: Tensor = self.encoder(ids)
        return vectors

    def run(
        self,
        direction: int,
        tokens: Tensor,
        lanes_at: Sequence[int],
        state: DirectionState,
        dropout: Dropout | None = None,
    ) -> tuple[list[Tensor], DirectionState]:
        """Run the LSTM layers of one direction.

        Args:
            direction: 0 forward, 1 backward; the backward direction takes its input in the order in
                which it reads, last token first.
            tokens: (N, P) token vectors, packed as :mod:`elmokit.model.lstm.layer` describes.
            lanes_at: number of lanes at each step.
            state: one state per layer.
            dropout: applied to the input of every layer and to the top output.

        Returns:
            The outputs of the layers, bottom first, each (N, P), and their new states.
        """
        name = DIRECTIONS[direction]
        stack = self.stacks[direction]
        assert isinstance(stack, nn.ModuleList)
        outputs: list[Tensor] = []
        new_state: DirectionState = []
        hidden = tokens
        for k, layer in enumerate(self._layers(stack)):
            inputs = hidden if dropout is None else dropout(hidden, f"{name}_layer{k}_input")
            hidden, layer_state = layer(inputs, lanes_at, state[k])
            if k > 0 and self.config.lstm.skip_connections:
                hidden = hidden + inputs
            outputs.append(hidden)
            new_state.append(layer_state)
        if dropout is not None:
            outputs[-1] = dropout(outputs[-1], f"{name}_output")
        return outputs, new_state

    @staticmethod
    def _layers(stack: nn.Module) -> list[ProjectedLstm]:
        assert isinstance(stack, nn.ModuleList)
        return [layer for layer in stack if isinstance(layer, ProjectedLstm)]

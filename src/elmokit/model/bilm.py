"""The bidirectional language model of Peters et al. 2018."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elmokit.batch import Batch
from elmokit.config import ModelConfig
from elmokit.model.char_cnn import CharCnn
from elmokit.model.lexicon_encoder import LexiconEncoder
from elmokit.model.lstm.interface import LstmState
from elmokit.model.lstm.layer import ProjectedLstm
from elmokit.model.softmax import Candidates, Softmax
from elmokit.model.word_embedding import WordEmbedding

DIRECTIONS = ("forward", "backward")

DirectionState: TypeAlias = list[LstmState]
"""The states of one direction's layers, bottom first."""

BiLMState: TypeAlias = list[DirectionState]
"""The states of all directions, forward first."""

Dropout: TypeAlias = Callable[[Tensor, str], Tensor]
"""Takes a packed activation (N, P) and its position in the network, such as ``forward_layer1_input``."""


@dataclass(frozen=True)
class DirectionOutput:
    """What one direction of a biLM computed for a batch of N positions."""

    layers: tuple[Tensor, ...]
    """(N, P) outputs of the LSTM layers, bottom first, in the order in which the direction reads."""
    total_loss: Tensor | None
    """Sum of the cross-entropies in nats, differentiable; None for a batch without targets."""
    losses: Tensor | None
    """(N,) cross-entropy of each position in nats, without gradient; None for a batch without targets."""

    @property
    def hidden(self) -> Tensor:
        """(N, P) the top layer, from which the softmax predicts."""
        return self.layers[-1]


@dataclass(frozen=True)
class BiLMOutput:
    """What a biLM computed for a batch."""

    token_vectors: Tensor
    """(U, P) layer 0: the context-free vectors of the batch's word types."""
    forward: DirectionOutput
    backward: DirectionOutput | None
    """None for a model of one direction."""
    state: BiLMState
    """To be carried into the next window."""

    @property
    def directions(self) -> tuple[DirectionOutput, ...]:
        """The forward direction, and the backward one where there is one."""
        return (self.forward,) if self.backward is None else (self.forward, self.backward)

    def activations(self) -> Mapping[str, Tensor]:
        """Return token vectors and layer outputs by name, for histograms."""
        return {
            "token_vectors": self.token_vectors,
            **{
                f"direction{number}_layer{k}": layer
                for number, direction in enumerate(self.directions)
                for k, layer in enumerate(direction.layers)
            },
        }


class BiLM(nn.Module):
    """Character or word encoder, stacked LSTMs in one or two directions, softmax.

    Args:
        config: the geometry.
        num_words: V, size of the output vocabulary (and of the word embeddings); None where it is not
            known, as of a character model without softmax.
        with_softmax: False for a model that can embed but neither train nor score.
        sparse_gradients: whether the gradient of word embeddings has only the rows of the words that
            occurred. Optimizers must support it.

    The model keeps no state: LSTM states go in and out of :meth:`forward`. Its parameters are
    uninitialized until :meth:`reset_parameters` or ``load_state_dict``.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_words: int | None,
        *,
        with_softmax: bool = True,
        sparse_gradients: bool = False,
    ) -> None:
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
            self.encoder = WordEmbedding(num_words, lstm.projection_dim, sparse_gradient=sparse_gradients)
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

    def copy_to(self, device: torch.device, *, with_softmax: bool = True) -> BiLM:
        """Return an independent copy on a device, whose gradients are dense.

        Args:
            device: of the copy.
            with_softmax: whether the copy has the softmax, if this model has one.
        """
        wanted = (
            self.parameters() if with_softmax else chain(self.encoder.parameters(), self.stacks.parameters())
        )
        # What is in the memo is not copied a second time: parameters go straight to the device.
        memo: dict[int, object] = {id(parameter): parameter for parameter in self.parameters()}
        for parameter in wanted:
            values = parameter.detach().to(device, copy=True)
            memo[id(parameter)] = nn.Parameter(values, requires_grad=parameter.requires_grad)
        model = deepcopy(self, memo)
        if not with_softmax:
            model.softmax = None
        if isinstance(model.encoder, WordEmbedding):
            model.encoder.sparse_gradient = False
        return model

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize every parameter as bilm-tf does."""
        self.encoder.reset_parameters(generator)
        for stack in self.stacks:
            for layer in self._layers(stack):
                layer.reset_parameters(generator)
        if self.softmax is not None:
            self.softmax.reset_parameters(generator)

    def zero_state(self, num_rows: int) -> BiLMState:
        """Return the states of all directions and layers before the first token of ``num_rows`` rows."""
        return [[layer.zero_state(num_rows) for layer in self._layers(stack)] for stack in self.stacks]

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

    def forward(
        self,
        batch: Batch,
        state: BiLMState | None = None,
        candidates: Sequence[Candidates] | None = None,
        *,
        dropout: Dropout | None = None,
        num_layers: int | None = None,
    ) -> BiLMOutput:
        """Run the model over a window: encode each word type, run both directions, predict the targets.

        Args:
            batch: B rows of up to T steps, N positions in all, on the model's device.
            state: of the rows, from :meth:`zero_state` or the output of the window before; None for zero.
            candidates: of the sampled softmax, one set per direction; None for the full softmax.
            dropout: applied to the input of every layer and to the top output.
            num_layers: number of LSTM layers to run, from the bottom; None for all. The targets can only be
                predicted from the top layer.

        Returns:
            The layers by name, the losses of the targets where there are any, and the new state. Gradients
            flow through the window, but neither into ``state`` nor out of the new one.
        """
        vectors = batch.token_vectors
        if vectors is None:
            vectors = self.encode(batch.char_ids, batch.word_ids)
        if state is None:
            state = self.zero_state(batch.batch_sizes[0])
        outputs: list[DirectionOutput] = []
        new_state: BiLMState = []
        for direction, (rows, direction_state) in enumerate(zip(batch.inputs, state, strict=True)):
            tokens = F.embedding(rows, vectors)  # (N, P)
            layers, after = self.run(
                direction, tokens, batch.batch_sizes, direction_state, dropout, num_layers=num_layers
            )
            total_loss = losses = None
            if batch.targets is not None:
                assert self.softmax is not None
                drawn = None if candidates is None else candidates[direction]
                total_loss, losses = self.softmax.loss(layers[-1], batch.targets[direction], drawn)
            outputs.append(DirectionOutput(tuple(layers), total_loss, losses))
            new_state.append(after)
        return BiLMOutput(vectors, outputs[0], outputs[1] if len(outputs) > 1 else None, new_state)

    def run(
        self,
        direction: int,
        tokens: Tensor,
        batch_sizes: Sequence[int],
        state: DirectionState,
        dropout: Dropout | None = None,
        *,
        num_layers: int | None = None,
    ) -> tuple[list[Tensor], DirectionState]:
        """Run the LSTM layers of one direction.

        Args:
            direction: 0 forward, 1 backward; the backward direction takes its input in the order in
                which it reads, last token first.
            tokens: (N, P) token vectors, packed as :class:`~elmokit.batch.Batch` describes.
            batch_sizes: number of rows at each step.
            state: one state per layer.
            dropout: applied to the input of every layer and to the top output.
            num_layers: number of layers to run, from the bottom; None for all.

        Returns:
            The outputs of the layers, bottom first, each (N, P), and their new states.
        """
        name = DIRECTIONS[direction]
        layers = self._layers(self.stacks[direction])
        outputs: list[Tensor] = []
        new_state: DirectionState = []
        hidden = tokens
        for k, layer in enumerate(layers[:num_layers]):
            inputs = hidden if dropout is None else dropout(hidden, f"{name}_layer{k}_input")
            hidden, layer_state = layer(inputs, batch_sizes, state[k])
            if k > 0 and self.config.lstm.skip_connections:
                hidden = hidden + inputs
            outputs.append(hidden)
            new_state.append(layer_state)
        if dropout is not None and len(outputs) == len(layers):
            outputs[-1] = dropout(outputs[-1], f"{name}_output")
        return outputs, new_state

    @staticmethod
    def _layers(stack: nn.Module) -> list[ProjectedLstm]:
        assert isinstance(stack, nn.ModuleList)
        return [layer for layer in stack if isinstance(layer, ProjectedLstm)]

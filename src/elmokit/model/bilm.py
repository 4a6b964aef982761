"""The bidirectional language model of Peters et al. 2018."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

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
"""Maps a packed activation (N, P) and its name in the network, such as ``forward_layer1_input``."""


class DirectionOutput(NamedTuple):
    """The output of one direction of a biLM for a batch of N positions."""

    layers: tuple[Tensor, ...]
    """(N, P) outputs of the LSTM layers, bottom first, in the direction's reading order."""
    total_loss: Tensor | None
    """Sum of the cross-entropies in nats, differentiable; None for a batch without targets."""
    losses: Tensor | None
    """(N,) cross-entropy of each position in nats, without gradient; None for a batch without targets."""

    @property
    def hidden(self) -> Tensor:
        """The top layer (N, P), from which the softmax predicts."""
        return self.layers[-1]


class BiLMOutput(NamedTuple):
    """The output of a biLM for a batch.

    It is a tuple so that wrappers such as FSDP find the tensors in it.
    """

    token_vectors: Tensor
    """(U, P) layer 0: the context-free vectors of the batch's word types."""
    forward: DirectionOutput
    """The output of the forward direction."""
    backward: DirectionOutput | None
    """The output of the backward direction; None for a forward-only model."""
    state: BiLMState
    """The state to pass with the next window."""

    @property
    def directions(self) -> tuple[DirectionOutput, ...]:
        """The forward direction and, for a bidirectional model, the backward one."""
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
    """The model: character or word encoder, stacked LSTMs in one or two directions, softmax.

    The model keeps no state: LSTM states are passed into and returned from :meth:`forward`. Its parameters
    are uninitialized until :meth:`reset_parameters` or ``load_state_dict`` is called.

    ``DistributedDataParallel``, ``fully_shard``, ``torch.compile``, ``functional_call`` and hooks work as
    with any module. The first two require dense gradients: use the full softmax, and
    ``sparse_gradients=False`` for a model with word embeddings.

    Args:
        config: the geometry.
        num_words: V, size of the output vocabulary and of the word embeddings; None for a character model
            whose vocabulary is not known.
        with_softmax: False for a model that can embed but neither train nor score.
        sparse_gradients: whether word embeddings get sparse gradients, which have only the rows of words
            that occurred. Most optimizers outside this package require dense ones.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_words: int | None,
        *,
        with_softmax: bool = True,
        sparse_gradients: bool = True,
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
            self.encoder = WordEmbedding(num_words, lstm.projection_dim, sparse=sparse_gradients)
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
        """The device of the parameters."""
        return next(self.parameters()).device

    def on(self, device: torch.device | str) -> BiLM:
        """Return this model if it is on ``device``, otherwise a copy of it there."""
        target = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0"
        if target == self.device:
            return self
        moved = {
            id(parameter): nn.Parameter(parameter.detach().to(target), parameter.requires_grad)
            for parameter in self.parameters()
        }
        # deepcopy takes the copies of the parameters from its memo, so they are never copied on this device.
        return copy.deepcopy(self, dict[int, object](moved))

    def for_embedding(self) -> BiLM:
        """Return a copy without softmax whose word embeddings get dense gradients, to train it in a task."""
        with torch.device("meta"):
            copied = BiLM(self.config, self.num_words, with_softmax=False, sparse_gradients=False)
        parameters = {
            name: parameter.detach().clone()
            for name, parameter in self.named_parameters()
            if not name.startswith("softmax.")
        }
        copied.load_state_dict(parameters, assign=True)
        return copied

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize every parameter as bilm-tf does."""
        self.encoder.reset_parameters(generator)
        for stack in self.stacks:
            for layer in self._layers(stack):
                layer.reset_parameters(generator)
        if self.softmax is not None:
            self.softmax.reset_parameters(generator)

    def zero_state(self, num_rows: int) -> BiLMState:
        """Return the states of all directions and layers for ``num_rows`` rows before their first token."""
        return [[layer.zero_state(num_rows) for layer in self._layers(stack)] for stack in self.stacks]

    def encode(self, char_ids: Tensor | None, word_ids: Tensor | None) -> Tensor:
        """Encode word types without context.

        Args:
            char_ids: (U, C) symbols, for a character model.
            word_ids: (U,) ids, for a model with word embeddings. A model with a lexicon may use both.

        Returns:
            Token vectors (U, P).
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
            batch: B rows of up to T steps, N positions in total, on the model's device.
            state: the rows' state, from :meth:`zero_state` or from the previous window; None for zero.
            candidates: candidates of the sampled softmax, one set per direction; None for the full softmax.
            dropout: applied to the input of every layer and to the top output.
            num_layers: number of LSTM layers to run, from the bottom; None for all. Targets can only be
                predicted from the top layer.

        Returns:
            The outputs of the layers, the losses if the batch has targets, and the new state. Gradients flow
            through the window, but not through the states.
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
                total_loss, losses = self.softmax(layers[-1], batch.targets[direction], drawn)
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
            direction: 0 for forward, 1 for backward.
            tokens: (N, P) token vectors, packed as in :class:`~elmokit.batch.Batch`, in reading order of the
                direction.
            batch_sizes: number of rows at each step.
            state: one state per layer.
            dropout: applied to the input of every layer and to the top output.
            num_layers: number of layers to run, from the bottom; None for all.

        Returns:
            The outputs (N, P) of the layers, bottom first, and their new states.
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

"""The bidirectional language model of Peters et al. 2018."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from elmokit.arguments import checked, described, instance_of, whole_number, yes_or_no
from elmokit.batch import Batch
from elmokit.config import ModelConfig
from elmokit.errors import ConfigError, ElmokitError
from elmokit.kernels.precisions import Precision
from elmokit.model.char_cnn import CharCnn
from elmokit.model.export import EXPORT_PROBLEM, refuse_export
from elmokit.model.lexicon_encoder import LexiconEncoder
from elmokit.model.parallel import Task, num_workers, run_tasks, without_barriers
from elmokit.model.precision import set_precision, without_autocast
from elmokit.model.products import choose_precision, row_tile
from elmokit.model.reading import DirectionOutput, Reading
from elmokit.model.row_groups import divide_rows, divide_types
from elmokit.model.softmax import Candidates, Softmax
from elmokit.model.stack import DirectionState, DropoutMasks, LstmStack
from elmokit.model.word_embedding import WordEmbedding

DIRECTIONS = ("forward", "backward")

BiLMState: TypeAlias = list[DirectionState]
"""The states of all directions, forward first."""


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

    def __repr__(self) -> str:
        layers = [tuple(layer.shape) for layer in self.forward.layers]
        return (
            f"BiLMOutput(token_vectors {tuple(self.token_vectors.shape)}, {len(self.directions)} directions "
            f"with layers {layers})"
        )

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

    @checked
    def __init__(
        self,
        config: ModelConfig,
        num_words: int | None,
        *,
        with_softmax: bool = True,
        sparse_gradients: bool = True,
    ) -> None:
        super().__init__()
        self.config = instance_of("config", config, ModelConfig, "a ModelConfig, as Config.load().model is")
        self.num_words = None if num_words is None else whole_number("num_words", num_words, least=1)
        with_softmax = yes_or_no("with_softmax", with_softmax)
        sparse_gradients = yes_or_no("sparse_gradients", sparse_gradients)
        lstm = config.lstm
        self.encoder: CharCnn | WordEmbedding | LexiconEncoder
        if config.lexicon is not None:
            self.encoder = LexiconEncoder(config.lexicon, config.char_cnn, lstm.projection_dim)
        elif config.char_cnn is not None:
            self.encoder = CharCnn(config.char_cnn, lstm.projection_dim)
        else:
            assert num_words is not None, "word embeddings need a vocabulary"
            self.encoder = WordEmbedding(num_words, lstm.projection_dim, sparse=sparse_gradients)
        self.stacks = nn.ModuleList(LstmStack(config, name) for name in DIRECTIONS[: config.num_directions])
        self.softmax: Softmax | None = None
        if num_words is not None and with_softmax:
            tied = (
                self.encoder.weight
                if config.tie_softmax and isinstance(self.encoder, WordEmbedding)
                else None
            )
            self.softmax = Softmax(num_words, lstm.projection_dim, tied)

    def __repr__(self) -> str:
        lstm = self.config.lstm
        directions = "bidirectional" if self.config.bidirectional else "forward only"
        softmax = "no softmax" if self.softmax is None else f"softmax over {self.num_words:,} words"
        num_parameters = sum(parameter.numel() for parameter in self.parameters())
        return (
            f"BiLM({type(self.encoder).__name__}, {lstm.num_layers} LSTM layers {lstm.cell_dim} → "
            f"{lstm.projection_dim}, {directions}, {softmax}, {num_parameters:,} parameters)"
        )

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    @property
    def _stacks(self) -> list[LstmStack]:
        return [stack for stack in self.stacks if isinstance(stack, LstmStack)]

    @property
    def activation_names(self) -> list[str]:
        """Names of the activations that dropout applies to, in the order of computation."""
        return [name for stack in self._stacks for name in stack.activation_names]

    @property
    def row_tile(self) -> int:
        """The vectors of a row are bit-identical for all batches of a multiple of this number of rows."""
        lstm = self.config.lstm
        return row_tile(lstm.projection_dim * lstm.cell_dim, self.precision)

    @property
    def precision(self) -> Precision:
        """The precision of the matrix products."""
        return self._stacks[0].layers[0].precision

    def in_precision(self, precision: str) -> BiLM:
        """Return this model if its products have this precision, otherwise one that shares its parameters.

        In ``int8`` these are the products of the LSTMs alone, and there are no gradients. The encoder is used
        once per word, and its rounding would be in all layers.

        Raises:
            ConfigError: if there is no such precision, or the model's device does not have it.
        """
        chosen = choose_precision(precision, self.device)
        if chosen == self.precision:
            return self
        copied = copy.deepcopy(self, {id(parameter): parameter for parameter in self.parameters()})
        copied._set_precision(chosen)
        return copied

    def _set_precision(self, precision: Precision) -> None:
        set_precision(self, "float32" if precision == "int8" else precision)
        set_precision(self.stacks, precision)

    def on(self, device: torch.device | str) -> BiLM:
        """Return this model if it is on ``device``, otherwise a copy of it there.

        Raises:
            ConfigError: if there is no such device.
        """
        try:
            target = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0"
        except (TypeError, RuntimeError):
            raise ConfigError(f"device={described(device)}: not available here") from None
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
        copied._set_precision(self.precision)
        return copied

    def without_softmax(self) -> BiLM:
        """Return this model without its softmax; the other parameters are shared."""
        bare = copy.copy(self)
        # A module without the entry would be changed with its copy.
        bare._modules = {**self._modules, "softmax": None}
        return bare

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize every parameter as bilm-tf does."""
        self.encoder.reset_parameters(generator)
        for stack in self._stacks:
            stack.reset_parameters(generator)
        if self.softmax is not None:
            self.softmax.reset_parameters(generator)

    def zero_state(self, num_rows: int) -> BiLMState:
        """Return the states of all directions and layers for ``num_rows`` rows before their first token."""
        return [stack.zero_state(num_rows) for stack in self._stacks]

    @without_barriers()
    @without_autocast
    def encode(self, char_ids: Tensor | None, word_ids: Tensor | None) -> Tensor:
        """Encode word types without context.

        Args:
            char_ids: (U, C) symbols, for a character model.
            word_ids: (U,) ids, for a model with word embeddings. A model with a lexicon may use both.

        Returns:
            Token vectors (U, P).
        """
        if isinstance(self.encoder, WordEmbedding):
            vectors: Tensor = self.encoder(word_ids)
            return vectors
        ids = [char_ids, word_ids] if isinstance(self.encoder, LexiconEncoder) else [char_ids]
        num_types = next(len(part) for part in ids if part is not None)
        parameters = tuple(self.encoder.parameters())

        def task(rows: slice) -> Task:
            selected = [None if part is None else part[rows] for part in ids]
            return Task(lambda: (self.encoder(*selected),), (), parameters)

        parts = run_tasks([task(rows) for rows in divide_types(num_types, num_workers(self.device))])
        return parts[0][0] if len(parts) == 1 else torch.cat([vectors for (vectors,) in parts])

    def __prepare_scriptable__(self) -> NoReturn:
        """Refuse ``torch.jit.script``, which calls this."""
        raise ElmokitError(f"BiLM {EXPORT_PROBLEM}")

    if TYPE_CHECKING:

        def __call__(
            self,
            batch: Batch,
            state: BiLMState | None = None,
            candidates: Sequence[Candidates] | None = None,
            *,
            dropout: DropoutMasks | None = None,
            num_layers: int | None = None,
        ) -> BiLMOutput:
            """Run :meth:`forward`; nn.Module declares that a call returns Any."""

    @without_barriers()
    @without_autocast
    def forward(
        self,
        batch: Batch,
        state: BiLMState | None = None,
        candidates: Sequence[Candidates] | None = None,
        *,
        dropout: DropoutMasks | None = None,
        num_layers: int | None = None,
    ) -> BiLMOutput:
        """Run the model over a window: encode each word type, run both directions, predict the targets.

        Args:
            batch: B rows of up to T steps, N positions in total, on the model's device.
            state: the rows' state, from :meth:`zero_state` or from the previous window; None for zero.
            candidates: candidates of the sampled softmax, one set per direction; None for the full softmax.
            dropout: masks for the input of every layer and the top output; None for no dropout.
            num_layers: number of LSTM layers to run, from the bottom; None for all. Targets can only be
                predicted from the top layer.

        Returns:
            The outputs of the layers, the losses if the batch has targets, and the new state. Gradients flow
            through the window, but not through the states.

        Raises:
            ElmokitError: if PyTorch is exporting the model, or gradients are needed in ``int8``.
        """
        refuse_export("BiLM")
        vectors = batch.token_vectors
        if vectors is None:
            vectors = self.encode(batch.char_ids, batch.word_ids)
        if (
            self.precision == "int8"
            and torch.is_grad_enabled()
            and any(tensor.requires_grad for tensor in (vectors, *self.stacks.parameters()))
        ):
            raise ElmokitError(
                "precision=int8: has no gradients: use float32 or bf16, or compute in torch.no_grad()"
            )
        if state is None:
            state = self.zero_state(batch.batch_sizes[0])
        num_groups = -(-num_workers(self.device) // len(state))
        groups = divide_rows(batch.batch_sizes, num_groups, tile=self.row_tile)
        readings = [
            Reading(
                stack,
                batch.inputs[direction],
                state[direction],
                None if batch.targets is None else batch.targets[direction],
                self.softmax,
                None if candidates is None else candidates[direction],
                dropout,
                num_layers,
            )
            for direction, stack in enumerate(self._stacks)
        ]
        results = run_tasks([reading.task(vectors, group) for reading in readings for group in groups])
        outputs, new_state = [], []
        for k, reading in enumerate(readings):
            output, after = reading.join(groups, results[k * len(groups) : (k + 1) * len(groups)])
            outputs.append(output)
            new_state.append(after)
        return BiLMOutput(vectors, outputs[0], outputs[1] if len(outputs) > 1 else None, new_state)

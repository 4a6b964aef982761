"""The biLM on arrays of ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.alphabet import MASK_SYMBOL, NUM_CHARACTER_SYMBOLS
from elmokit.arguments import checked, whole_number, yes_or_no
from elmokit.dialects.bilm.batchers import NUM_MARKERS
from elmokit.dialects.bilm.foreign import refuse_lexicon
from elmokit.dialects.bilm.weight_layers import BilmOps
from elmokit.embedder.token_tables import refuse_table_of_another_model, words_by_row
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.files.home import expanded
from elmokit.formats.token_embeddings import TokenTable, read_token_vectors
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.bilm import BiLM
from elmokit.model.device import find_device
from elmokit.model.padding import pad_rows
from elmokit.model.state_rows import replace_first_rows, select_rows
from elmokit.pretrained import PretrainedModel


class BidirectionalLanguageModel:
    """A biLM on arrays of ids.

    Args:
        options_file: path or URL of an ``options.json``; None for the one that belongs to the weights.
        weight_file: path or URL of HDF5 weights, or a model in any format that :func:`elmokit.load` reads.
        use_character_inputs: whether inputs are ids from :class:`Batcher`; otherwise they are ids from
            :class:`TokenBatcher`.
        embedding_weight_file: token vectors from :func:`dump_token_embeddings`, for word ids.
        max_batch_size: number of batch slots that carry state; has no effect without ``stateful``.
        stateful: start each sentence from the state that the previous sentence of the same batch slot ended
            with, as bilm-tf does. The same sentence then gives different vectors the second time.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelFileError: if the model's files are missing, damaged or do not match, or the token vectors are
            those of another model.
        ConfigError: if a setting is invalid.
    """

    @checked
    def __init__(
        self,
        options_file: str | Path | None,
        weight_file: str | Path,
        use_character_inputs: bool = True,
        embedding_weight_file: str | Path | None = None,
        max_batch_size: int = 128,
        *,
        stateful: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        use_character_inputs = yes_or_no("use_character_inputs", use_character_inputs)
        pretrained = load(weight_file, options=options_file)
        refuse_lexicon(pretrained, weight_file)
        self._model = pretrained.model.on(find_device(device))
        self._config = pretrained.config.model
        self._table: Tensor | None = None
        if use_character_inputs:
            if self._config.char_cnn is None:
                raise ConfigError(
                    f"{weight_file}: this model has word embeddings: expected use_character_inputs=False and "
                    "embedding_weight_file"
                )
        else:
            if embedding_weight_file is None:
                raise ConfigError("use_character_inputs=False needs embedding_weight_file")
            vectors = _read_embedding(expanded(embedding_weight_file), pretrained, self._model)
            # A zero row for padding comes first.
            self._table = F.pad(vectors, (0, 0, 1, 0)).to(self._model.device)
        self._max_batch_size = whole_number("max_batch_size", max_batch_size, least=1)
        self._stateful = yes_or_no("stateful", stateful)
        self.reset_state()

    def __repr__(self) -> str:
        inputs = "word ids" if self._table is not None else "character ids"
        return f"BidirectionalLanguageModel({inputs}, stateful={self._stateful}, {self._model!r})"

    def reset_state(self) -> None:
        """Set the state of all batch slots to zero."""
        num_slots = self._max_batch_size if self._stateful else 0
        self.state = self._model.zero_state(num_slots)

    @torch.no_grad()
    def __call__(self, ids: np.ndarray | Tensor) -> BilmOps:
        """Embed a batch.

        Args:
            ids: character ids (B, T, C) or word ids (B, T), including the sentence markers; 0 is padding.

        Raises:
            ElmokitError: if the ids have the wrong shape or are out of range, a sentence lacks its markers,
                or there are more sentences than slots.
        """
        try:
            ids = torch.as_tensor(ids, device=self._model.device)
        except (TypeError, ValueError, RuntimeError) as error:
            kind = type(ids).__name__
            raise ElmokitError(f"ids: expected an array of whole numbers, got {kind}") from error
        tokens = self._token_vectors(ids)  # (B, T, P)
        present = (ids > 0).any(dim=2) if ids.dim() == 3 else ids > 0
        lengths = present.sum(dim=1)
        short = (lengths < NUM_MARKERS).nonzero().flatten().tolist()
        if short or ids.shape[1] < NUM_MARKERS:
            raise ElmokitError(
                f"ids: sentences {short} have fewer than two tokens: expected sentence markers around each, "
                "as batch_sentences returns them"
            )
        if not bool(present[:, 0].all()):
            raise ElmokitError("ids: padding before a sentence: expected it behind, as from batch_sentences")
        steps = torch.arange(ids.shape[1], device=ids.device)
        marked = steps < lengths[:, None]
        outputs = self._run(tokens[marked], lengths.tolist())
        mask = steps[:-NUM_MARKERS] < lengths[:, None] - NUM_MARKERS
        # Without the end marker, a padded position holds the padding after it, as in bilm-tf.
        words = torch.where(mask.unsqueeze(-1), tokens[:, 1:-1], tokens[:, 2:])
        layers = [torch.cat([words] * self._config.num_directions, dim=-1)]
        layers += [pad_rows(output, marked)[:, 1:-1] * mask.unsqueeze(-1) for output in outputs]
        return {
            "lm_embeddings": torch.stack(layers, dim=1),
            "lengths": (lengths - NUM_MARKERS).to(torch.int32),
            "mask": mask,
            "token_embeddings": tokens,
        }

    def _token_vectors(self, ids: Tensor) -> Tensor:
        """Return the token vectors (B, T, P) of character or word ids, including padding."""
        if self._table is not None:
            _check_ids(ids, "word ids (B, T)", 2, len(self._table))
            return F.embedding(ids, self._table)
        assert self._config.char_cnn is not None
        num_characters = self._config.char_cnn.max_characters
        _check_ids(ids, f"character ids (B, T, {num_characters})", 3, NUM_CHARACTER_SYMBOLS + 1)
        if ids.shape[2] != num_characters:
            raise ElmokitError(
                f"ids: {ids.shape[2]} character ids per word, expected {num_characters}: "
                f"use Batcher(..., {num_characters})"
            )
        rows, type_of = torch.unique(ids.reshape(-1, num_characters), dim=0, return_inverse=True)
        symbols = (rows - 1).where(rows > 0, MASK_SYMBOL)
        vectors = encode_words(self._model, symbols, None)
        return vectors[type_of].reshape(*ids.shape[:2], vectors.shape[1])

    def _run(self, tokens: Tensor, lengths: list[int]) -> list[Tensor]:
        """Return the LSTM layers (M, D), starting from the slots' states if ``stateful``."""
        num_sentences = len(lengths)
        state = None
        if self._stateful:
            if num_sentences > self._max_batch_size:
                raise ElmokitError(
                    f"{num_sentences} sentences for {self._max_batch_size} slots: raise max_batch_size"
                )
            state = select_rows(self.state, slice(num_sentences))
        ids = torch.arange(len(tokens), device=tokens.device)
        layers = range(1, 1 + self._config.lstm.num_layers)
        outputs, new_state = run_sentences(self._model, tokens, ids, lengths, state, layers=layers)
        if new_state is not None:
            self.state = replace_first_rows(self.state, new_state)
        return outputs


def _check_ids(ids: Tensor, expected: str, num_dims: int, num_ids: int) -> None:
    if ids.dim() != num_dims or ids.is_floating_point():
        raise ElmokitError(f"ids: expected {expected}, got {tuple(ids.shape)} {ids.dtype}")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_ids:
        raise ElmokitError(f"ids: from {int(ids.min())} to {int(ids.max())}, expected 0 to {num_ids - 1}")


def _read_embedding(path: Path, pretrained: PretrainedModel, model: BiLM) -> Tensor:
    """Read ``embedding`` (V, P) from an HDF5 file; its rows must be in the order of the batcher's ids."""
    dim = pretrained.config.model.lstm.projection_dim
    vectors, words, encoder = read_token_vectors(path)
    if vectors.shape[1] != dim:
        raise ModelFileError(
            f"{path}: embedding: shape {tuple(vectors.shape)}, expected vectors of {dim} numbers"
        )
    if pretrained.config.model.char_cnn is None and pretrained.vocabulary is None:
        return vectors  # the table is all that is known about the words
    words = words or words_by_row(pretrained)
    if words is not None and len(words) == len(vectors):
        table = TokenTable(words, vectors, encoder=encoder, source=path)
        refuse_table_of_another_model(table, pretrained, model)
    return vectors

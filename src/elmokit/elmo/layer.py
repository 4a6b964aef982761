"""The ELMo layer: learned mixtures of a biLM's layers."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeAlias, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from elmokit.arguments import checked, instance_of, share, whole_number, yes_or_no
from elmokit.data.sentences import list_of_words
from elmokit.elmo.inputs import (
    batch_of_cached_words,
    batch_of_char_ids,
    batch_of_tokens,
    batch_of_word_ids,
)
from elmokit.elmo.saved_mixtures import current_mixtures, restore_mixtures
from elmokit.elmo.type_batch import TypeBatch
from elmokit.errors import ConfigError, ElmokitError, MixturesWarning
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.export import EXPORT_PROBLEM, refuse_export
from elmokit.model.padding import pad_rows
from elmokit.model.scalar_mix import ScalarMix
from elmokit.model.word_embedding import WordEmbedding
from elmokit.pretrained import PretrainedModel

Inputs: TypeAlias = Tensor | np.ndarray | Iterable[str | Sequence[str]]
"""Ids, or sentences as lists of tokens or plain strings."""


_MOST_REPRESENTATIONS = 1000  # each has its own mixture


class ElmoOutput(TypedDict):
    """The output of the layer."""

    elmo_representations: list[Tensor]
    """One (…, T, D) tensor per mixture, zero at padding."""
    mask: Tensor
    """(…, T) bool, True at words."""


class Elmo(nn.Module):
    """Contextual word vectors as a layer: learned mixtures of a biLM's layers (Peters et al. 2018).

    The interface is AllenNLP's. Unlike in AllenNLP, every sentence starts from a zero LSTM state, so the
    result does not depend on earlier batches.

    Args:
        options_file: path or URL of an ``options.json``.
        weight_file: path or URL of HDF5 weights. For models in other formats use :meth:`from_pretrained`.
        num_output_representations: number of mixtures to learn; by default as many as were saved with the
            model, or 1.
        requires_grad: whether to fine-tune the biLM. The mixtures are always trained, unless
            ``scalar_mix_parameters`` is given.
        do_layer_norm: normalize each layer over the words of the batch before mixing; by default if the saved
            mixtures do.
        dropout: dropout rate of the representations, in training mode.
        vocab_to_cache: words whose context-free vectors are computed once; ``word_inputs`` are indexes into
            this list. Its first entry is padding.
        keep_sentence_boundaries: include the markers around each sentence in the output.
        scalar_mix_parameters: one number per layer, which fixes the mixture to the softmax of the numbers.
        pretrained: a loaded model to use instead of the two files. It is copied, so training this layer does
            not change it.

    Mixtures that :meth:`save_pretrained` has saved with the model are restored.

    Raises:
        ModelFileError: if the model's files are missing, damaged or do not match.
        ConfigError: if a setting is invalid.

    Warns:
        MixturesWarning: if saved mixtures do not fit ``num_output_representations`` or ``do_layer_norm``;
            then the mixtures start anew.
    """

    @checked
    def __init__(
        self,
        options_file: str | Path | None = None,
        weight_file: str | Path | None = None,
        num_output_representations: int | None = None,
        requires_grad: bool = False,
        do_layer_norm: bool | None = None,
        dropout: float = 0.5,
        vocab_to_cache: Sequence[str] | None = None,
        keep_sentence_boundaries: bool = False,
        scalar_mix_parameters: Sequence[float] | None = None,
        pretrained: PretrainedModel | None = None,
    ) -> None:
        super().__init__()
        if pretrained is None:
            if options_file is None or weight_file is None:
                raise ConfigError(
                    "Elmo needs options_file and weight_file: for models in other formats use "
                    "Elmo.from_pretrained"
                )
            pretrained = load(weight_file, options=options_file)
        instance_of("pretrained", pretrained, PretrainedModel, "a model of load()")
        requires_grad = yes_or_no("requires_grad", requires_grad)
        keep_sentence_boundaries = yes_or_no("keep_sentence_boundaries", keep_sentence_boundaries)
        saved = pretrained.mixtures if scalar_mix_parameters is None else None
        if num_output_representations is None:
            num_output_representations = 1 if saved is None else len(saved.mixtures)
        if do_layer_norm is None:
            do_layer_norm = saved is not None and saved.do_layer_norm
        do_layer_norm = yes_or_no("do_layer_norm", do_layer_norm)
        num_output_representations = whole_number(
            "num_output_representations", num_output_representations, least=1, most=_MOST_REPRESENTATIONS
        )
        self.bilm = (
            pretrained.model.for_embedding().cpu().requires_grad_(yes_or_no("requires_grad", requires_grad))
        )
        self._pretrained = dataclasses.replace(pretrained, model=self.bilm)
        self._indexer = pretrained.indexer
        self.keep_sentence_boundaries = keep_sentence_boundaries
        self.num_output_representations = num_output_representations
        self.dropout = nn.Dropout(share("dropout", dropout))
        num_layers = 1 + pretrained.config.model.lstm.num_layers
        for k in range(num_output_representations):
            self.add_module(
                f"scalar_mix_{k}",
                ScalarMix(
                    num_layers, do_layer_norm, scalar_mix_parameters, trainable=scalar_mix_parameters is None
                ),
            )
        if saved is not None:
            restore_mixtures(self.scalar_mixes, saved, source=pretrained.source)
        self.cached_words: nn.Parameter | None = None
        if vocab_to_cache is not None:
            with torch.no_grad():
                markers = [self._indexer.bos, self._indexer.eos]
                words = list_of_words(vocab_to_cache, "vocab_to_cache")
                table = encode_words(self.bilm, *self._indexer.index([*markers, *words]))
            self.cached_words = nn.Parameter(table, requires_grad=requires_grad)

    def __repr__(self) -> str:
        learned = "fine-tuned" if any(p.requires_grad for p in self.bilm.parameters()) else "fixed"
        return (
            f"Elmo({str(self._pretrained.source)!r}, num_output_representations="
            f"{self.num_output_representations}, dim={self.get_output_dim()}, dropout={self.dropout.p}, "
            f"biLM {learned})"
        )

    @classmethod
    @checked
    def from_pretrained(
        cls,
        model: str | Path,
        num_output_representations: int | None = None,
        *,
        requires_grad: bool = False,
        do_layer_norm: bool | None = None,
        dropout: float = 0.5,
        vocab_to_cache: Sequence[str] | None = None,
        keep_sentence_boundaries: bool = False,
        scalar_mix_parameters: Sequence[float] | None = None,
    ) -> Self:
        """Create a layer from a model in any format that :func:`elmokit.load` reads.

        From the directory of :meth:`save_pretrained`, the layer is the one that was saved: with its mixtures,
        whose number is the default of ``num_output_representations``.
        """
        return cls(
            num_output_representations=num_output_representations,
            requires_grad=requires_grad,
            do_layer_norm=do_layer_norm,
            dropout=dropout,
            vocab_to_cache=vocab_to_cache,
            keep_sentence_boundaries=keep_sentence_boundaries,
            scalar_mix_parameters=scalar_mix_parameters,
            pretrained=load(model),
        )

    @property
    def scalar_mixes(self) -> list[ScalarMix]:
        """The mixtures, one for each representation."""
        return [getattr(self, f"scalar_mix_{k}") for k in range(self.num_output_representations)]

    def get_output_dim(self) -> int:
        """Return D, the width of a representation."""
        config = self._pretrained.config.model
        return config.num_directions * config.lstm.projection_dim

    def forward(self, inputs: Inputs | None, word_inputs: Tensor | np.ndarray | None = None) -> ElmoOutput:
        """Represent sentences.

        Args:
            inputs: character ids (B, T, C) from :func:`batch_to_ids`, or with more dimensions before T. For
                a model with word embeddings, word ids plus one (B, T). For any model, lists of tokens or
                plain strings, which are split on whitespace. NumPy arrays of ids are taken as well.
            word_inputs: indexes (B, T) into ``vocab_to_cache``, or with more dimensions before T. They are
                used instead of ``inputs`` unless one is out of range.

        Returns:
            The representations (B, T, D), with the outer dimensions of the input, and the mask of words. T
            is larger by 2 with ``keep_sentence_boundaries``.

        Raises:
            ElmokitError: if the input has the wrong shape, ids are out of range, or a sentence or token is
                not a string, or PyTorch is exporting the layer.
        """
        refuse_export("Elmo")
        layers, marked_mask, mask, outer_shape = self._layers(inputs, word_inputs)
        representations = []
        for scalar_mix in self.scalar_mixes:
            mixture = scalar_mix(layers, marked_mask)
            # Layer normalization gives values at padding.
            mixture = mixture * marked_mask.unsqueeze(-1)
            representations.append(self.dropout(self._without_markers(mixture, mask)))
        mask = marked_mask if self.keep_sentence_boundaries else mask
        return {
            "elmo_representations": [r.reshape(*outer_shape, *r.shape[1:]) for r in representations],
            "mask": mask.reshape(*outer_shape, mask.shape[1]),
        }

    def __prepare_scriptable__(self) -> NoReturn:
        """Refuse ``torch.jit.script``, which calls this."""
        raise ElmokitError(f"Elmo {EXPORT_PROBLEM}")

    if TYPE_CHECKING:

        def __call__(
            self, inputs: Inputs | None, word_inputs: Tensor | np.ndarray | None = None
        ) -> ElmoOutput:
            """Run :meth:`forward`; nn.Module declares that a call returns Any."""

    @checked
    def save_bilm(self, directory: str | Path) -> list[Path]:
        """Write the biLM with its current weights as ``options.json`` and ``weights.hdf5``.

        That format has no place for the mixtures: use :meth:`save_pretrained` to keep them.

        Returns:
            The paths of the files.

        Raises:
            OutputError: if they cannot be written, or the directory has files of another model.
        """
        return self._pretrained.save_bilm(directory)

    @checked
    def save_pretrained(self, directory: str | Path) -> None:
        """Write the biLM with its current weights and the mixtures as a model directory.

        :meth:`from_pretrained` restores the layer from it. The vectors of ``vocab_to_cache`` are computed
        again; where they have been trained, save ``state_dict()`` to keep them.

        Raises:
            OutputError: if it cannot be written, or something else is there.

        Warns:
            MixturesWarning: if trained vectors of ``vocab_to_cache`` are not saved.
        """
        self._current().save_pretrained(directory)

    @checked
    def push_to_hub(self, repo_id: str, *, private: bool = False) -> str:
        """Upload what :meth:`save_pretrained` writes to the Hugging Face Hub; return the URL of its page."""
        return self._current().push_to_hub(repo_id, private=private)

    def _current(self) -> PretrainedModel:
        """Return the biLM with the mixtures as they are now."""
        if self.cached_words is not None and self.cached_words.requires_grad:
            warnings.warn(
                "the trained vectors of vocab_to_cache are not saved: keep them with state_dict()",
                MixturesWarning,
                stacklevel=3,
            )
        return dataclasses.replace(self._pretrained, mixtures=current_mixtures(self.scalar_mixes))

    def _without_markers(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return values (B, T, D) without the markers of (B, T + 2, D), unless they are to be kept."""
        if self.keep_sentence_boundaries:
            return values
        # Markers are at positions where other sentences have words.
        return values[:, 1:-1] * mask.unsqueeze(-1)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # the number of steps depends on the data
    def _layers(
        self, inputs: Inputs | None, word_inputs: Tensor | np.ndarray | None
    ) -> tuple[list[Tensor], Tensor, Tensor, tuple[int, ...]]:
        """Return L layers (B, T + 2, D), their mask, the mask of words (B, T) and the outer dimensions."""
        learns = any(parameter.requires_grad for parameter in self.parameters_of_bilm())
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            batch = self._batch(inputs, word_inputs)
            rows, marked_mask = batch.with_markers()
            layers, _ = run_sentences(self.bilm, batch.vectors, rows, marked_mask.sum(dim=1).tolist())
            padded = [pad_rows(layer, marked_mask) for layer in layers]
            return padded, marked_mask, batch.mask, batch.outer_shape

    def parameters_of_bilm(self) -> list[nn.Parameter]:
        """Return the parameters below the mixtures: those of the biLM and the cached words."""
        cached = [] if self.cached_words is None else [self.cached_words]
        return [*self.bilm.parameters(), *cached]

    def _batch(self, inputs: Inputs | None, word_inputs: Tensor | np.ndarray | None) -> TypeBatch:
        if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "biuf":
            inputs = torch.as_tensor(inputs.astype(inputs.dtype.newbyteorder("="), copy=False))
        if word_inputs is not None and self.cached_words is not None:
            word_inputs = torch.as_tensor(word_inputs)
            largest = int(word_inputs.max()) if word_inputs.numel() else 0
            if inputs is None or largest < len(self.cached_words) - 2:
                return batch_of_cached_words(word_inputs, self.cached_words)
        if inputs is None:
            raise ElmokitError(
                "Elmo: no inputs, and no vocab_to_cache for word_inputs: pass ids or lists of tokens"
            )
        if not isinstance(inputs, Tensor):
            return batch_of_tokens(self.bilm, self._indexer, inputs)
        if isinstance(self.bilm.encoder, WordEmbedding):
            return batch_of_word_ids(inputs, self.bilm.encoder.weight)
        return batch_of_char_ids(self.bilm, inputs)

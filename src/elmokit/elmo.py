"""The trainable ELMo layer of a downstream model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypedDict

import torch
from torch import Tensor, nn

from elmokit.data.indexers import CharacterIndexer
from elmokit.errors import ConfigError, ElmokitError
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.elmo_inputs import ElmoInputs, from_character_ids, from_tokens, from_word_ids
from elmokit.model.scalar_mix import ScalarMix
from elmokit.model.word_embedding import WordEmbedding
from elmokit.pretrained import PretrainedModel

_NUM_CHARACTERS = 50  # places of a row of batch_to_ids, as of every published model


class ElmoOutput(TypedDict):
    """What the layer returns."""

    elmo_representations: list[Tensor]
    """(…, T, D) each; zero at padding."""
    mask: Tensor
    """(…, T) bool, True at words."""


def batch_to_ids(batch: Sequence[Sequence[str]]) -> Tensor:
    """Turn sentences into character ids, like AllenNLP's function of this name.

    Args:
        batch: B lists of tokens.

    Returns:
        (B, T, 50) int64, T of the longest sentence; each id is one more than its character symbol,
        and 0 is padding.
    """
    num_steps = max((len(sentence) for sentence in batch), default=0)
    ids = torch.zeros(len(batch), num_steps, _NUM_CHARACTERS, dtype=torch.int64)
    indexer = CharacterIndexer(_NUM_CHARACTERS)
    for row, sentence in enumerate(batch):
        ids[row, : len(sentence)] = torch.from_numpy(indexer.rows(sentence)) + 1
    return ids


class Elmo(nn.Module):
    """Contextual word vectors as a layer: learned mixtures of a biLM's layers (Peters et al. 2018).

    The interface is AllenNLP's. Unlike there every sentence starts from a zero LSTM state, so the
    result does not depend on earlier batches.

    Args:
        options_file: path or URL of an ``options.json``.
        weight_file: path or URL of HDF5 weights. For every other form of a model there is
            :meth:`from_pretrained`.
        num_output_representations: how many mixtures to learn.
        requires_grad: whether the biLM itself learns too; the mixtures always do.
        do_layer_norm: normalize each layer over the words of the batch before mixing.
        dropout: of the representations, in training mode.
        vocab_to_cache: words whose context-free vectors are computed once; ``word_inputs`` are places
            in this list. Its first entry is padding.
        keep_sentence_boundaries: whether the output has the markers around each sentence too.
        scalar_mix_parameters: fixes the mixtures: numbers, one per layer, of which the softmax is taken.
        pretrained: a loaded model, which is copied, instead of the two files.

    Raises:
        ModelFileError: when the model's files are missing, damaged or do not fit.
        ConfigError: when a setting is impossible.
    """

    def __init__(
        self,
        options_file: str | Path | None = None,
        weight_file: str | Path | None = None,
        num_output_representations: int = 1,
        requires_grad: bool = False,
        do_layer_norm: bool = False,
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
                    "Elmo needs options_file and weight_file; for another model, Elmo.from_pretrained"
                )
            pretrained = load(weight_file, options=options_file)
        if num_output_representations < 1:
            raise ConfigError(
                f"num_output_representations: expected at least 1, got {num_output_representations}"
            )
        self.bilm = pretrained.model.copy_to(torch.device("cpu"), with_softmax=False)
        self._pretrained = dataclasses.replace(pretrained, model=self.bilm)
        self._indexer = pretrained.indexer
        self.bilm.requires_grad_(requires_grad)
        self.keep_sentence_boundaries = keep_sentence_boundaries
        self.num_output_representations = num_output_representations
        self.dropout = nn.Dropout(dropout)
        num_layers = 1 + pretrained.config.model.lstm.num_layers
        for k in range(num_output_representations):
            self.add_module(
                f"scalar_mix_{k}",
                ScalarMix(
                    num_layers, do_layer_norm, scalar_mix_parameters, trainable=scalar_mix_parameters is None
                ),
            )
        self.cached_words: nn.Parameter | None = None
        if vocab_to_cache is not None:
            with torch.no_grad():
                table = self._encode([*self._markers, *vocab_to_cache])
            self.cached_words = nn.Parameter(table, requires_grad=requires_grad)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        num_output_representations: int = 1,
        *,
        requires_grad: bool = False,
        do_layer_norm: bool = False,
        dropout: float = 0.5,
        vocab_to_cache: Sequence[str] | None = None,
        keep_sentence_boundaries: bool = False,
        scalar_mix_parameters: Sequence[float] | None = None,
    ) -> Self:
        """A layer on anything that :func:`elmokit.load` reads, a Hugging Face id included."""
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

    def get_output_dim(self) -> int:
        """D, the width of a representation."""
        config = self._pretrained.config.model
        return config.num_directions * config.lstm.projection_dim

    def forward(
        self, inputs: Tensor | Sequence[Sequence[str]] | None, word_inputs: Tensor | None = None
    ) -> ElmoOutput:
        """Represent sentences.

        Args:
            inputs: ids from :func:`batch_to_ids`, (B, T, C) or with further dimensions before T; for
                a model with word embeddings (B, T) word ids plus one. Or lists of tokens, for any model.
            word_inputs: (B, T), or with further dimensions, places in ``vocab_to_cache``; used instead
                of ``inputs`` where given.

        Returns:
            The representations (B, T, D), or with the dimensions of the input, and the mask of words;
            T grows by 2 with ``keep_sentence_boundaries``.

        Raises:
            ElmokitError: when the input has the wrong shape or ids out of range.
        """
        layers, marked_mask, outer_shape = self._layers(inputs, word_inputs)
        representations = []
        for k in range(self.num_output_representations):
            mixture = getattr(self, f"scalar_mix_{k}")(layers, marked_mask)
            # Padding is zero whatever the mixture does, a normalized layer has values there.
            mixture = mixture * marked_mask.unsqueeze(-1)
            representations.append(self.dropout(self._within(mixture, marked_mask)))
        mask = marked_mask if self.keep_sentence_boundaries else marked_mask[:, 2:]
        return {
            "elmo_representations": [r.reshape(*outer_shape, *r.shape[1:]) for r in representations],
            "mask": mask.reshape(*outer_shape, mask.shape[1]),
        }

    def save_bilm(self, directory: str | Path) -> list[Path]:
        """Write the biLM, as trained by now, as ``options.json`` and ``weights.hdf5``.

        Returns:
            The files.

        Raises:
            OutputError: when they cannot be written, or files of another model lie there.
        """
        return self._pretrained.save_bilm(directory)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write the biLM, as trained by now, as a model directory; see :class:`PretrainedModel`."""
        self._pretrained.save_pretrained(directory)

    def push_to_hub(self, repo_id: str, *, private: bool = False) -> str:
        """Share the biLM, as trained by now, on the Hugging Face Hub; returns the page's URL."""
        return self._pretrained.push_to_hub(repo_id, private=private)

    def _within(self, values: Tensor, marked_mask: Tensor) -> Tensor:
        """(B, T + 2, D) to (B, T, D) without the markers, unless they are to be kept."""
        if self.keep_sentence_boundaries:
            return values
        # The end marker stands where a longer sentence has a word.
        return values[:, 1:-1] * marked_mask[:, 2:].unsqueeze(-1)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its loops over steps depend on the data
    def _layers(
        self, inputs: Tensor | Sequence[Sequence[str]] | None, word_inputs: Tensor | None
    ) -> tuple[list[Tensor], Tensor, tuple[int, ...]]:
        """L layers (B, T + 2, D), zero at padding, their mask (B, T + 2), and the dimensions before T."""
        learns = any(parameter.requires_grad for parameter in self.parameters_of_bilm())
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            batch = self._inputs(inputs, word_inputs)
            device = batch.vectors.device
            num_sentences = len(batch.lengths)
            steps = torch.arange(batch.num_steps + 2, device=device)
            mask = steps < batch.lengths[:, None] + 2  # (B, T + 2)
            ends = batch.lengths + 1
            is_word = (steps > 0) & (steps < ends[:, None])
            padded = torch.zeros(num_sentences, batch.num_steps + 2, dtype=torch.int64, device=device)
            # The begin marker has index 0 in the table, the end marker index 1.
            padded[torch.arange(num_sentences, device=device), ends] = 1
            padded[is_word] = batch.indices
            layers, _ = run_sentences(self.bilm, batch.vectors, padded[mask], (batch.lengths + 2).tolist())
            return [_padded(layer, mask) for layer in layers], mask, batch.outer_shape

    def parameters_of_bilm(self) -> list[nn.Parameter]:
        """The parameters below the mixtures."""
        cached = [] if self.cached_words is None else [self.cached_words]
        return [*self.bilm.parameters(), *cached]

    @property
    def _markers(self) -> tuple[str, str]:
        return self._indexer.bos, self._indexer.eos

    def _inputs(
        self, inputs: Tensor | Sequence[Sequence[str]] | None, word_inputs: Tensor | None
    ) -> ElmoInputs:
        if word_inputs is not None and self.cached_words is not None:
            largest = int(word_inputs.max()) if word_inputs.numel() else 0
            if inputs is None or largest < len(self.cached_words) - 2:
                return from_word_ids(word_inputs, self.cached_words, first=2, what="word_inputs")
        if inputs is None:
            raise ElmokitError(
                "Elmo: no inputs, and no vocab_to_cache for word_inputs: expected ids or tokens"
            )
        if not isinstance(inputs, Tensor):
            return from_tokens(inputs, self._encode, markers=self._markers)
        if isinstance(self.bilm.encoder, WordEmbedding):
            # The first two words of every vocabulary are the markers.
            return from_word_ids(inputs - 1, self.bilm.encoder.weight, first=0, what="inputs", padding=-1)
        return from_character_ids(inputs, self.bilm, self._marker_ids)

    def _encode(self, words: Sequence[str]) -> Tensor:
        return encode_words(self.bilm, *self._indexer.index(words))

    def _marker_ids(self, num_characters: int) -> Tensor:
        return torch.from_numpy(CharacterIndexer(num_characters).rows(self._markers))


def _padded(layer: Tensor, mask: Tensor) -> Tensor:
    """(M, D) to (B, T, D), zero where the mask is False."""
    padded = layer.new_zeros(*mask.shape, layer.shape[1])
    padded[mask] = layer
    return padded

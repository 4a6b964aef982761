"""The token encoder of ELMoForManyLangs (Che et al. 2018): word embedding and character CNN, projected."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elmokit.config import CharCnnConfig, LexiconConfig
from elmokit.model.char_cnn import CharCnn
from elmokit.model.packed_weights import PackedWeights
from elmokit.model.precision import HasPrecision
from elmokit.model.products import affine


class LexiconEncoder(HasPrecision):
    """Token encoder ``[word embedding; character features] W + b``; either part may be missing.

    Args:
        lexicon: sizes of the alphabet and of the word list.
        char_cnn: filters, highway layers and activation; None if the model reads no characters.
        output_dim: width P of a token vector.

    Parameters: ``words`` (num_words, word_dim), those of ``chars``, ``projection`` (word_dim + F, P) and
    ``projection_bias`` (P,).
    """

    def __init__(self, lexicon: LexiconConfig, char_cnn: CharCnnConfig | None, output_dim: int) -> None:
        super().__init__()
        self.words: nn.Parameter | None = None
        self.chars: CharCnn | None = None
        if lexicon.num_words is not None:
            self.words = nn.Parameter(torch.empty(lexicon.num_words, lexicon.word_dim))
        num_filters = 0
        if char_cnn is not None and lexicon.num_symbols is not None:
            num_filters = char_cnn.num_filters
            self.chars = CharCnn(char_cnn, num_filters, lexicon.num_symbols)
        self.projection = nn.Parameter(torch.empty(lexicon.word_dim + num_filters, output_dim))
        self.projection_bias = nn.Parameter(torch.empty(output_dim))
        self._packed = PackedWeights()

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialize the character part as bilm-tf does, and the rest to unit scale."""
        with torch.no_grad():
            if self.words is not None:
                self.words.normal_(0.0, 1.0 / math.sqrt(self.words.shape[1]), generator=generator)
            if self.chars is not None:
                self.chars.reset_parameters(generator)
            self.projection.normal_(0.0, 1.0 / math.sqrt(len(self.projection)), generator=generator)
            self.projection_bias.zero_()

    def forward(self, char_ids: Tensor | None, word_ids: Tensor | None) -> Tensor:
        """Encode word types.

        Args:
            char_ids: (U, C) symbols of the alphabet; None if the model reads no characters.
            word_ids: (U,) ids in the word list; None if the model has none.

        Returns:
            Token vectors (U, P).
        """
        parts: list[Tensor] = []
        if self.words is not None:
            assert word_ids is not None
            parts.append(F.embedding(word_ids, self.words))
        if self.chars is not None:
            parts.append(self.chars(char_ids))
        features = torch.cat(parts, dim=1)
        return affine(features, self.projection, self.projection_bias, self.precision, self._packed)

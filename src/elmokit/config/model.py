"""Settings of a model: its geometry."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from elmokit.config.section import LARGEST_CLIP, LARGEST_DEPTH, LARGEST_DIM, Section, about


class CharCnnConfig(Section):
    """Character encoder: one vector per word type from its UTF-8 bytes (Kim et al. 2016)."""

    embedding_dim: int = Field(
        16,
        ge=1,
        le=LARGEST_DIM,
        description="width of a character embedding",
        json_schema_extra=about(unit="dimensions"),
    )
    filters: tuple[tuple[int, int], ...] = Field(
        ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)),
        description="convolution filters as [width in characters, number of filters] pairs",
        json_schema_extra=about(unit="pairs"),
    )
    activation: Literal["relu", "tanh"] = Field("relu", description="activation after max pooling")
    num_highway: int = Field(
        2,
        ge=0,
        le=LARGEST_DEPTH,
        description="number of highway layers",
        json_schema_extra=about(unit="layers"),
    )
    max_characters: int = Field(
        50,
        ge=3,
        le=10_000,
        description="bytes per word, two markers included; longer words are truncated",
        json_schema_extra=about(unit="bytes"),
    )

    @property
    def num_filters(self) -> int:
        """Width F of the concatenated convolutions."""
        return sum(number for _, number in self.filters)

    @field_validator("filters")
    @classmethod
    def _filters_are_positive(cls, filters: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if not filters:
            raise ValueError("needs at least one [width, number] pair")
        if any(width < 1 or number < 1 for width, number in filters):
            raise ValueError("every [width, number] must be at least [1, 1]")
        if len(filters) > LARGEST_DEPTH or any(number > LARGEST_DIM for _, number in filters):
            raise ValueError(f"at most {LARGEST_DEPTH} pairs with at most {LARGEST_DIM} filters each")
        return filters

    @model_validator(mode="after")
    def _filters_fit_the_word(self) -> Self:
        widest = max(width for width, _ in self.filters)
        if widest > self.max_characters:
            raise ValueError(
                f"a filter of width {widest} is wider than a word: max_characters={self.max_characters}"
            )
        return self


class LstmConfig(Section):
    """Stacked LSTM layers of one direction, with projection (Sak et al. 2014)."""

    cell_dim: int = Field(
        4096,
        ge=1,
        le=LARGEST_DIM,
        description="width of the cell state",
        json_schema_extra=about(unit="dimensions"),
    )
    projection_dim: int = Field(
        512,
        ge=1,
        le=LARGEST_DIM,
        description="width of a layer's output; if equal to cell_dim, there is no projection",
        json_schema_extra=about(unit="dimensions"),
    )
    num_layers: int = Field(
        2,
        ge=1,
        le=LARGEST_DEPTH,
        description="number of LSTM layers per direction",
        json_schema_extra=about(unit="layers"),
    )
    cell_clip: float | None = Field(
        3.0, gt=0, le=LARGEST_CLIP, description="bound on the absolute value of the cell state; null for none"
    )
    projection_clip: float | None = Field(
        3.0, gt=0, le=LARGEST_CLIP, description="bound on the absolute value of the projection; null for none"
    )
    skip_connections: bool = Field(
        True, description="add a layer's input to its output, from the second layer on"
    )


class LexiconConfig(Section):
    """A model's own alphabet and words, as in ELMoForManyLangs (Che et al. 2018)."""

    num_symbols: int | None = Field(
        None,
        ge=1,
        description="size of the alphabet; null for no characters",
        json_schema_extra=about(unit="symbols"),
    )
    num_words: int | None = Field(
        None,
        ge=1,
        description="number of words with an embedding; null for no word embeddings",
        json_schema_extra=about(unit="words"),
    )
    word_dim: int = Field(
        0,
        ge=0,
        le=LARGEST_DIM,
        description="width of a word embedding",
        json_schema_extra=about(unit="dimensions"),
    )


class ModelConfig(Section):
    """Geometry of a biLM."""

    char_cnn: CharCnnConfig | None = Field(
        default_factory=CharCnnConfig, description="character encoder; null for word embeddings"
    )
    lstm: LstmConfig = Field(default_factory=LstmConfig)
    bidirectional: bool = Field(True, description="train a backward language model as well")
    lexicon: LexiconConfig | None = Field(
        None,
        description="own alphabet and words; null for UTF-8 bytes, or the words of the vocabulary",
    )
    tie_softmax: bool = Field(False, description="share the softmax weights with the word embeddings")

    @property
    def num_directions(self) -> int:
        """2 for a biLM, 1 for a forward language model."""
        return 2 if self.bidirectional else 1

    @model_validator(mode="after")
    def _lexicon_is_complete(self) -> Self:
        if self.lexicon is None:
            return self
        if (self.char_cnn is None) != (self.lexicon.num_symbols is None):
            raise ValueError("char_cnn and lexicon.num_symbols require each other")
        if (self.lexicon.num_words is None) != (self.lexicon.word_dim == 0):
            raise ValueError("lexicon.num_words and lexicon.word_dim require each other")
        if self.char_cnn is None and self.lexicon.num_words is None:
            raise ValueError("a lexicon needs an alphabet or words")
        return self

    @model_validator(mode="after")
    def _only_word_embeddings_are_tied(self) -> Self:
        if self.tie_softmax and (self.char_cnn is not None or self.lexicon is not None):
            raise ValueError("tie_softmax needs word embeddings: set char_cnn to null")
        return self

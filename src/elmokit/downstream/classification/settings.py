"""What can be chosen about a text classifier."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from elmokit.config.section import LARGEST_DIM, Section
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.fit_settings import FitSettings


class ClassifierSettings(Section):
    """How a text classifier is built and trained."""

    encoder: Literal["pooled", "bilstm"] = Field(
        "pooled",
        description="pooled: mean and maximum over the words; bilstm: a bidirectional LSTM with attention",
    )
    hidden_dim: int = Field(
        128, ge=1, le=LARGEST_DIM, description="width of the hidden layer, or of each direction of the LSTM"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout of word vectors and of the hidden layer")
    fine_tune: bool = Field(False, description="train the biLM too, not only the mixture of its layers")
    tokenize: Literal["whitespace", "punctuation"] = Field(
        "whitespace",
        description="whitespace: texts are tokenized; punctuation: marks are split from words",
    )
    max_tokens: int = Field(
        400, ge=1, le=1 << 20, description="longer texts are read in pieces of this many tokens"
    )
    balanced: bool = Field(False, description="give every label the same weight, however rare")
    dev_metric: Literal["accuracy", "macro_f1", "loss"] = Field(
        "accuracy", description="what early stopping compares on the dev texts"
    )
    dev_share: float = Field(
        0.1, gt=0, lt=1, description="share of the training texts that is split off without dev texts"
    )
    fit: FitSettings = Field(default_factory=FitSettings, description="training")
    vectors: VectorSettings = Field(default_factory=VectorSettings, description="word2vec and fastText")

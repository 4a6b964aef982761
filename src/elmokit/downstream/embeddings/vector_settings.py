"""What can be chosen about word2vec and fastText."""

from __future__ import annotations

from pydantic import Field

from elmokit.config.section import LARGEST_DIM, Section


class VectorSettings(Section):
    """How word2vec and fastText are trained."""

    dim: int = Field(100, ge=1, le=LARGEST_DIM, description="width of a word vector")
    window: int = Field(5, ge=1, le=1000, description="largest distance of a context word")
    min_count: int = Field(2, ge=1, le=1 << 31, description="rarer words have no vector")
    epochs: int = Field(10, ge=1, le=10_000, description="passes over the text")
    learning_rate: float = Field(0.05, gt=0, le=10, description="learning rate at the beginning")
    skip_gram: bool = Field(True, description="train skip-grams; false for CBOW")
    negative: int = Field(5, ge=1, le=1000, description="negative samples")
    sample: float = Field(1e-3, ge=0, le=1, description="frequency above which words are left out at random")
    min_n: int = Field(3, ge=1, le=50, description="fasttext: length of the shortest character n-grams")
    max_n: int = Field(6, ge=1, le=50, description="fasttext: length of the longest character n-grams")
    num_buckets: int = Field(
        100_000, ge=1, le=1 << 24, description="fasttext: number of vectors that all n-grams share"
    )
    seed: int = Field(1, ge=1, le=(1 << 31) - 1, description="of initial vectors and samples")

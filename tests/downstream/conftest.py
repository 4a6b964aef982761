"""Fixtures of the tests of downstream models."""

from __future__ import annotations

import pytest

from elmokit.downstream.embeddings.elmo import ElmoEmbedding
from elmokit.embedder import ElmoEmbedder


@pytest.fixture
def elmo(model_directory) -> ElmoEmbedding:
    """A small biLM with random weights."""
    return ElmoEmbedding(ElmoEmbedder.load(model_directory("characters")), "elmo:made")

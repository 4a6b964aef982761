"""The vectors of words in their sentences."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import find_occurrences
from elmokit.embedder import ElmoEmbedder
from elmokit.visualize.occurrence_vectors import embed_occurrences

SENTENCES = ["the play was long", "", "children play the guitar"]


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


def test_every_word_has_the_vector_of_its_position(embedder):
    calls = []
    vectors = embed_occurrences(
        embedder, find_occurrences(SENTENCES), on_sentences=lambda done, total: calls.append((done, total))
    )
    np.testing.assert_array_equal(vectors, np.concatenate(embedder.embed(SENTENCES), axis=1))
    assert calls == [(1, 2), (2, 2)]


def test_only_the_vectors_of_the_given_words_are_returned(embedder):
    vectors = embed_occurrences(embedder, find_occurrences(SENTENCES, ["play"]), "top")
    first, _, last = embedder.embed(SENTENCES, "top")
    np.testing.assert_array_equal(vectors, [first[1], last[1]])

"""Encoding many words in chunks."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


@pytest.mark.parametrize(("num_words", "expected"), [(0, []), (1, [1]), (4, [4]), (9, [4, 4, 1])])
def test_chunks_have_the_vectors_of_all_words_in_order(monkeypatch, embedder, num_words, expected):
    monkeypatch.setattr("elmokit.embedder.embedder.WORDS_PER_CHUNK", 4)
    words = [f"word{k % 7}" for k in range(num_words)]
    chunks = list(embedder.encode_chunks(word for word in words))
    assert [len(chunk) for chunk in chunks] == expected
    assert {chunk.dtype for chunk in chunks} <= {np.dtype(np.float32)}
    np.testing.assert_array_equal(
        np.concatenate(chunks) if chunks else np.zeros((0, embedder.dim // 2)), embedder.encode(words).numpy()
    )


def test_words_are_read_as_they_are_needed(monkeypatch, embedder):
    monkeypatch.setattr("elmokit.embedder.embedder.WORDS_PER_CHUNK", 3)
    read: list[str] = []

    def words():
        for k in range(100):
            read.append(f"word{k}")
            yield read[-1]

    next(embedder.encode_chunks(words()))
    assert read == ["word0", "word1", "word2"]

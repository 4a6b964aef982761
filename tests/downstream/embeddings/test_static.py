import numpy as np
import pytest

from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.errors import ConfigError

TABLE = np.array([[1, 2], [3, 4], [5, 0]], dtype=np.float32)


def test_vectors_are_rows_of_the_table_and_unknown_words_its_average():
    embedding = StaticEmbedding("word2vec", ["a", "b", "c"], TABLE)
    first, second = embedding.vectors([["b", "x", "b"], []])
    assert first.tolist() == [[[3, 4]], [[3, 2]], [[3, 4]]]
    assert second.shape == (0, 1, 2)
    assert first.dtype == np.float32


def test_the_vector_of_unknown_words_can_be_given():
    embedding = StaticEmbedding("word2vec", ["a", "b", "c"], TABLE, unknown=np.array([7.0, 8.0]))
    assert embedding.vectors([["x"]])[0].tolist() == [[[7, 8]]]


def test_the_fingerprint_is_of_words_and_vectors():
    base = StaticEmbedding("word2vec", ["a", "b", "c"], TABLE).fingerprint
    assert StaticEmbedding("other", ["a", "b", "c"], TABLE).fingerprint == base
    assert StaticEmbedding("word2vec", ["a", "c", "b"], TABLE).fingerprint != base
    assert StaticEmbedding("word2vec", ["a", "b", "c"], TABLE + 1).fingerprint != base


@pytest.mark.parametrize(("words", "table"), [(["a"], TABLE), ([], TABLE[:0]), (["a", "b", "c"], TABLE[0])])
def test_a_table_that_does_not_fit_is_refused(words, table):
    with pytest.raises(ConfigError, match="word2vec: expected one vector for each of"):
        StaticEmbedding("word2vec", words, table)

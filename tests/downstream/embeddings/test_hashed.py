import numpy as np

from elmokit.downstream.embeddings.hashed import RandomEmbedding


def test_a_word_has_the_same_vector_everywhere():
    one, other = RandomEmbedding(dim=8), RandomEmbedding(dim=8)
    one.vectors([["something", "else", "first"]])
    first, second = one.vectors([["word", "word"], ["word"]])
    assert first.shape == (2, 1, 8)
    assert first.dtype == np.float32
    assert np.array_equal(first[0], first[1])
    assert np.array_equal(first[:1], second)
    assert np.array_equal(other.vectors([["word"]])[0], second)
    assert not np.array_equal(RandomEmbedding(dim=8, seed=1).vectors([["word"]])[0], second)


def test_moments_are_those_of_the_uniform_distribution():
    values = RandomEmbedding(dim=50).vectors([[f"word{k}" for k in range(2000)]])[0]
    assert abs(values.mean()) < 0.005
    assert abs(values.std() - 12**-0.5) < 0.005


def test_a_sentence_without_tokens():
    assert RandomEmbedding(dim=8).vectors([[]])[0].shape == (0, 1, 8)

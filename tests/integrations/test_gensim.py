"""Contextual averages in gensim's own class."""

from __future__ import annotations

import numpy as np
import pytest
from gensim.models import KeyedVectors

from elmokit import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError
from elmokit.integrations.gensim import keyed_vectors

SENTENCES = ["the cat sat", [], ["on", "the", "mat", "."], "the mat"]


@pytest.fixture
def embedder(model_directory) -> ElmoEmbedder:
    return ElmoEmbedder.load(model_directory("characters"))


@pytest.mark.parametrize("layers", ["average", "top", 0])
def test_each_word_has_the_average_of_its_vectors(embedder, layers):
    found = keyed_vectors(embedder, SENTENCES, layers=layers)
    cat, _, mat, short = embedder.embed(SENTENCES, layers)
    assert found.index_to_key == ["the", "mat", "cat", "sat", "on", "."]
    np.testing.assert_allclose(found["the"], (cat[0] + mat[1] + short[0]) / 3, atol=1e-6)
    np.testing.assert_allclose(found["cat"], cat[1], atol=1e-6)
    assert found.get_vecattr("the", "count") == 3
    assert found["the"].dtype == np.float32


def test_the_text_is_read_once_and_may_be_a_generator(embedder, monkeypatch):
    expected = keyed_vectors(embedder, SENTENCES)
    monkeypatch.setattr("elmokit.integrations.gensim._FIRST_ROWS", 1)
    found = keyed_vectors(embedder, (sentence for sentence in SENTENCES), batch_size=1)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)


def test_rare_and_other_words_are_left_out(embedder):
    assert keyed_vectors(embedder, SENTENCES, min_count=2).index_to_key == ["the", "mat"]
    assert keyed_vectors(embedder, SENTENCES, words=["cat", "never"]).index_to_key == ["cat"]


def test_gensim_searches_and_saves_them(embedder, tmp_path):
    found = keyed_vectors(embedder, SENTENCES)
    assert len(found.most_similar("cat", topn=2)) == 2
    found.save_word2vec_format(tmp_path / "vectors.txt")
    again = KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt")
    np.testing.assert_allclose(again["mat"], found["mat"], atol=1e-6)


def test_what_cannot_be_averaged_is_refused(embedder):
    with pytest.raises(ConfigError, match="layers: expected top, average or a number, got 'all'"):
        keyed_vectors(embedder, SENTENCES, layers="all")
    with pytest.raises(ElmokitError, match=r"no word to average: 6 words .* none of them occurs 4 times"):
        keyed_vectors(embedder, SENTENCES, min_count=4)
    with pytest.raises(ElmokitError, match="no word to average: 0 words"):
        keyed_vectors(embedder, [])

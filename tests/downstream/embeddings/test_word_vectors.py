"""Trained and read word vectors; gensim and fastText's own program are the oracles."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from elmokit.downstream.embeddings import vector_training
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.subwords import SubwordEmbedding, ngram_buckets
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.errors import (
    CacheNotWritableWarning,
    ConfigError,
    MissingModelError,
    ModelFileError,
    TextError,
)

SETTINGS = VectorSettings(dim=6, epochs=2, min_count=2, num_buckets=50)
WORDS = [["cat", "naïve", "unseen"], [], ["猫", "cats", "a"]]
KINDS = ["word2vec", "fasttext", "fasttext-official"]


@pytest.fixture(autouse=True)
def text(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the naïve mat\n\nthe 猫 sat on the cat\n" * 20, encoding="utf-8")
    return path


def embedding(choice, text=(), settings=SETTINGS, **more):
    (found,) = embeddings_of(choice, text=text, vectors=settings, **more)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_trained_once(kind, text, monkeypatch):
    first = embedding(kind, str(text))
    assert (first.name, first.dim, first.num_layers, first.is_contextual) == (kind, 6, 1, False)
    assert "cat" in first
    assert "unseen" not in first
    monkeypatch.setattr(vector_training, "new_file", lambda path: pytest.fail("trained again"))
    again = embedding(kind, [str(text)])
    assert again.fingerprint == first.fingerprint
    for own, other in zip(first.vectors(WORDS), again.vectors(WORDS), strict=True):
        assert np.array_equal(own, other)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_deterministic_and_depends_on_text_and_settings(kind, text, tmp_path, monkeypatch):
    first = embedding(kind, str(text))
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "other"))
    assert embedding(kind, str(text)).fingerprint == first.fingerprint
    text.write_text(text.read_text() + "one more line\n" * 3)
    other = embedding(kind, str(text), SETTINGS.model_copy(update={"seed": 2}))
    assert "line" in other
    assert not np.array_equal(other.vectors(WORDS)[0], first.vectors(WORDS)[0])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_unknown_word_has_the_average_of_its_ngrams_whatever_the_word_before(kind, text):
    table = embedding(kind, str(text))
    assert isinstance(table, SubwordEmbedding)
    alone, after = table.vectors([["cats"], ["cat", "cats"]])
    assert np.array_equal(alone[0], after[1])
    assert alone.any()
    assert not np.array_equal(after[0], after[1])


def test_an_unknown_word_of_word2vec_has_the_average_of_all(text):
    table = embedding("word2vec", str(text))
    unseen, after = table.vectors([["unseen"], ["cat", "unseen", "other"]])
    assert np.allclose(unseen[0, 0], table.table[:-1].mean(axis=0))
    assert np.array_equal(unseen[0], after[1])
    assert np.array_equal(after[1], after[2])


def test_fasttext_is_that_of_gensim(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gensim.models import FastText
    lines = [line.split() for line in text.read_text(encoding="utf-8").splitlines()]
    oracle = FastText(
        sentences=lines, vector_size=6, window=5, min_count=2, epochs=2, alpha=0.05, min_alpha=0.0002, sg=1,
        negative=5, sample=1e-3, seed=1, workers=1, min_n=3, max_n=6, bucket=50,
    )  # fmt: skip
    table = embedding("fasttext", str(text))
    for sentence, own in zip(WORDS, table.vectors(WORDS), strict=True):
        for word, vector in zip(sentence, own[:, 0], strict=True):
            assert np.allclose(vector, oracle.wv[word], atol=1e-7), word


def test_ngrams_are_those_of_gensim():
    from gensim.models.fasttext import ft_ngram_hashes

    for word in ("cat", "naïve", "猫", "a", "", "\U0001f600 b", "extraordinarily"):
        for min_n, max_n in [(1, 3), (3, 6), (2, 2), (5, 4)]:
            assert ngram_buckets(word, min_n, max_n, 997) == ft_ngram_hashes(word, min_n, max_n, 997), word


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_model_of_fasttext(kind, text, tmp_path):
    import fasttext

    oracle = fasttext.train_unsupervised(
        str(text), dim=5, minCount=2, epoch=1, bucket=60, thread=1, verbose=0
    )
    oracle.save_model(str(tmp_path / "model.bin"))
    table = embedding(f"{kind}:{tmp_path}/model.bin")
    for sentence, own in zip(WORDS, table.vectors(WORDS), strict=True):
        for word, vector in zip(sentence, own[:, 0], strict=True):
            # With one thread, some of its vectors are what the memory contained: not numbers at times.
            expected = oracle.get_word_vector(word)
            assert np.allclose(vector, expected, atol=1e-6, equal_nan=True), word
    content = (tmp_path / "model.bin").read_bytes()
    for end in (8, 30, 70, 110, 300, len(content) // 2, -1):
        (tmp_path / "cut.bin").write_bytes(content[:end])
        with pytest.raises(ModelFileError, match=r"cut.bin: cannot read the fastText model"):
            embedding(f"{kind}:{tmp_path}/cut.bin")
    with pytest.raises(ModelFileError, match="write fasttext:"):
        embedding(f"word2vec:{tmp_path}/model.bin")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_words(kind, tmp_path):
    (tmp_path / "a+random.vec").write_text("2 3\ncat 1 2 3\nmat 3 4 5\n")
    table = embedding(f"{kind}:{tmp_path}/a+random.vec")
    assert table.vectors([["mat", "dog"]])[0].tolist() == [[[3, 4, 5]], [[2, 3, 4]]]
    with pytest.raises(MissingModelError, match="no such file"):
        embedding(f"{kind}:{tmp_path}/nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_cannot_be_trained_on(kind, text, tmp_path):
    with pytest.raises(ConfigError, match=rf"{kind} is trained on a text, and none is given"):
        embedding(kind)
    with pytest.raises(ConfigError, match="embedding text: "):
        embedding(kind, str(text), SETTINGS.model_copy(update={"min_count": 10_000}))
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(TextError, match="no tokens"):
        embedding(kind, str(tmp_path / "empty.txt"))


def test_a_damaged_table_in_the_cache_is_trained_again(text, tmp_path):
    first = embedding("word2vec", str(text))
    (kept,) = (tmp_path / "cache" / "word-vectors").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert embedding("word2vec", str(text)).fingerprint == first.fingerprint


def test_a_cache_that_cannot_be_written_is_a_warning(text, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "file"))
    with pytest.warns(CacheNotWritableWarning, match="word2vec is trained anew next time"):
        embedding("word2vec", str(text))


def test_a_long_line_is_trained_whole(tmp_path):
    (tmp_path / "long.txt").write_text("a " * 12_000 + "end end")
    for kind in KINDS:
        assert "end" in embedding(kind, str(tmp_path / "long.txt"))

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elmokit.data.corpus import Corpus, open_corpus
from elmokit.data.prepare import find_prepared, prepare_corpus
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE
from elmokit.errors import CorpusError

TEXT = "the cat .\n\nnaïve 我 the the\n \n<UNK> end\n"


@pytest.fixture
def text(tmp_path, monkeypatch) -> Corpus:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    return prepare_corpus(tmp_path / "a.txt")


def sentences(corpus: Corpus) -> list[list[str]]:
    return [
        [corpus.types.word(type_id) for type_id in corpus.sentence(k)[1:-1]] for k in range(corpus.num_lines)
    ]


def test_numbers(text):
    assert (text.num_tokens, text.num_lines, text.num_sentences, text.num_blank_lines) == (9, 5, 3, 2)
    assert [text.length(k) for k in range(5)] == [3, 0, 4, 0, 2]


def test_a_sentence_is_between_boundaries(text):
    for k in range(5):
        assert text.sentence(k)[[0, -1]].tolist() == [BOS_TYPE, EOS_TYPE]


def test_the_location_of_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "texts/b.txt").write_text("three\n")
    corpus = prepare_corpus(tmp_path / "texts")
    locations = [corpus.location(k).removeprefix(f"{tmp_path}/texts/") for k in range(4)]
    assert locations == ["a.txt:1", "a.txt:2", "a.txt:3", "b.txt:1"]


def test_the_old_name_of_location(text):
    with pytest.warns(DeprecationWarning, match=r"Corpus\.place is now Corpus\.location"):
        assert text.place(2) == text.location(2)


def test_a_text_in_memory_is_that_of_the_file(text):
    in_memory = Corpus.from_sentences(line.split() for line in TEXT.splitlines())
    assert in_memory.fingerprint == text.fingerprint
    assert sentences(in_memory) == sentences(text)
    assert in_memory.num_blank_lines == 2
    np.testing.assert_array_equal(in_memory.types.counts, text.types.counts)
    with pytest.raises(CorpusError, match="the text has no words"):
        Corpus.from_sentences([[], []])


def test_the_words_of_a_sentence(text):
    assert [text.words(k) for k in range(5)] == [tuple(line.split()) for line in TEXT.splitlines()]


@pytest.mark.parametrize("is_in_memory", [False, True])
def test_a_saved_corpus_is_opened(text, tmp_path, is_in_memory):
    corpus = Corpus.from_sentences(line.split() for line in TEXT.splitlines()) if is_in_memory else text
    (tmp_path / "saved").mkdir()
    corpus.save(tmp_path / "saved")
    opened = open_corpus(tmp_path / "saved")
    assert sentences(opened) == sentences(corpus)
    np.testing.assert_array_equal(opened.types.counts, corpus.types.counts)
    for name in ("source_states", "first_lines", "fingerprint", "num_blank_lines"):
        assert getattr(opened, name) == getattr(corpus, name)


@pytest.fixture
def saved(tmp_path, text) -> Path:
    (tmp_path / "saved").mkdir()
    text.save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize(
    "name",
    ["tokens.u32", "offsets.i64", "spellings.bytes", "spelling_offsets.i64", "counts.i64", "corpus.json"],
)
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_corpus_is_refused(saved, name, damage):
    if damage == "missing":
        (saved / name).unlink()
    else:
        content = (saved / name).read_bytes()
        (saved / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CorpusError, match="damaged prepared corpus") as error:
        open_corpus(saved)
    assert str(saved) in str(error.value)
    assert "delete the directory" in str(error.value)


@pytest.mark.parametrize("content", ["[]", '{"format_version": 1, "num_tokens": null}'])
def test_a_corpus_that_describes_itself_wrongly_is_refused(saved, content):
    (saved / "corpus.json").write_text(content)
    with pytest.raises(CorpusError, match="damaged prepared corpus"):
        open_corpus(saved)


def test_another_format_version_is_refused(saved):
    summary = json.loads((saved / "corpus.json").read_text())
    (saved / "corpus.json").write_text(json.dumps(summary | {"format_version": 99}))
    with pytest.raises(CorpusError, match="format version 99, expected 2"):
        open_corpus(saved)


KEYS = ["sources", "first_lines", "fingerprint", "num_blank_lines", "num_types", "num_lines", "num_tokens"]


@pytest.mark.parametrize("key", KEYS)
def test_every_value_of_corpus_json_is_checked(text, tmp_path, key):
    (directory,) = (tmp_path / "cache/corpora").iterdir()
    path = directory / "corpus.json"
    values = json.loads(path.read_text())

    def refused(changed: dict) -> str:
        path.write_text(json.dumps(changed))
        with pytest.raises(CorpusError, match=r"damaged prepared corpus \(") as raised:
            open_corpus(directory)
        return str(raised.value)

    assert "wrong checksum of corpus.json" in refused({**values, key: "another"})
    del values["own_checksum"]  # as in an earlier version
    for value in (None, [5, 5], [{"path": 5}], {"a": 1}):
        refused({**values, key: value})
    del values[key]
    refused(values)


def test_a_prepared_text_is_found_by_its_fingerprint(text, tmp_path):
    found = find_prepared(text.fingerprint)
    assert found is not None
    assert sentences(found) == sentences(text)
    assert find_prepared("another") is None
    (directory,) = (tmp_path / "cache/corpora").iterdir()
    (directory / "tokens.u32").write_bytes(bytes(4 * text.num_tokens))
    assert find_prepared(text.fingerprint) is None  # damaged

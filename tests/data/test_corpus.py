from __future__ import annotations

import gzip
import json
import os

import numpy as np
import pytest

from elmokit.data.corpus import Corpus, open_corpus, prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE
from elmokit.errors import CorpusError, OutputError, TextError

TEXT = "the cat .\n\nnaïve 我 the the\n \n<UNK> end\n"


@pytest.fixture(autouse=True)
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


class Reading:
    """Counts the bytes that a preparation reads."""

    def __init__(self) -> None:
        self.num_bytes = 0

    def __call__(self, num_bytes: int) -> None:
        self.num_bytes += num_bytes


def prepare(*patterns: str):
    reading = Reading()
    return prepare_corpus(list(patterns), on_bytes=reading), reading.num_bytes


def sentences(corpus) -> list[list[str]]:
    return [
        [corpus.types.spelling(type_id).decode() for type_id in corpus.sentence(k)[1:-1]]
        for k in range(len(corpus.offsets) - 1)
    ]


def directories(cache):
    return sorted((cache / "corpora").iterdir())


def test_the_prepared_form_is_the_text(text):
    corpus, num_bytes = prepare("a.txt")
    assert sentences(corpus) == [line.split() for line in TEXT.splitlines()]
    assert num_bytes == len(TEXT.encode())
    assert (corpus.num_tokens, corpus.num_sentences, corpus.num_blank_lines) == (9, 3, 2)
    assert corpus.sources == (str(text / "a.txt"),)
    for k in range(5):
        ends = corpus.sentence(k)[[0, -1]]
        assert ends.tolist() == [BOS_TYPE, EOS_TYPE]


def test_types_are_stored_once_with_their_counts():
    types = prepare("a.txt")[0].types
    spellings = [types.spelling(k).decode() for k in range(2, len(types))]
    assert spellings == ["the", "cat", ".", "naïve", "我", "<UNK>", "end"]
    assert types.counts[2:].tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert types.counts[[BOS_TYPE, EOS_TYPE]].tolist() == [5, 5]


def test_word_ids_and_character_rows_of_types():
    types = prepare("a.txt")[0].types
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "我", "the"])
    assert types.word_ids(vocabulary).tolist() == [0, 1, 4, 2, 2, 2, 3, 2, 2]
    rows = types.char_rows(np.array([6, BOS_TYPE, EOS_TYPE]), 6)
    assert rows.tolist() == [
        [258, 0xE6, 0x88, 0x91, 259, 260],
        [258, 256, 259, 260, 260, 260],
        [258, 257, 259, 260, 260, 260],
    ]


def test_several_files_are_one_text_in_order(text):
    (text / "b.txt").write_text("last")
    corpus, _ = prepare("b.txt", "a.txt")
    assert sentences(corpus) == [*(line.split() for line in TEXT.splitlines()), ["last"]]
    assert corpus.sources == (str(text / "a.txt"), str(text / "b.txt"))


def test_the_second_time_nothing_is_read():
    first, _ = prepare("a.txt")
    second, num_bytes = prepare("a.txt")
    assert num_bytes == 0
    assert second.fingerprint == first.fingerprint
    assert sentences(second) == sentences(first)


def test_changed_content_is_prepared_anew(text):
    first, _ = prepare("a.txt")
    (text / "a.txt").write_text(TEXT.replace("cat", "dog"), encoding="utf-8")
    os.utime(text / "a.txt", ns=(1, 1))  # whatever the resolution of the clock
    second, num_bytes = prepare("a.txt")
    assert num_bytes == len(TEXT.encode())
    assert sentences(second)[0] == ["the", "dog", "."]
    assert second.fingerprint != first.fingerprint


def test_a_touched_file_is_prepared_anew_to_the_same_fingerprint(text):
    first, _ = prepare("a.txt")
    changed = (text / "a.txt").stat().st_mtime_ns + 1  # less than a float could tell
    os.utime(text / "a.txt", ns=(changed, changed))
    second, num_bytes = prepare("a.txt")
    assert num_bytes > 0
    assert second.fingerprint == first.fingerprint


def test_another_list_of_files_is_another_corpus(text):
    (text / "b.txt").write_text("b\n")
    one, _ = prepare("a.txt")
    both, num_bytes = prepare("*.txt")
    assert num_bytes > 0
    assert both.num_tokens == one.num_tokens + 1


def test_equal_names_sizes_and_times_in_two_directories_are_two_texts(text, monkeypatch):
    # As archives unpack them, which keep the times to the second.
    for name in ("one", "two"):
        (text / name).mkdir()
        (text / name / "train.txt").write_text(f"{name}\n")
        os.utime(text / name / "train.txt", ns=(10**18, 10**18))
    found = []
    for name in ("one", "two"):
        monkeypatch.chdir(text / name)
        found += sentences(prepare("train.txt")[0])
    assert found == [["one"], ["two"]]


def test_the_name_of_a_file_may_look_like_a_chained_url(text):
    (text / "a::b.txt").write_text("a b\n")
    assert prepare("a::b.txt")[0].num_tokens == 2


def test_compressed_and_plain_text_have_the_same_fingerprint(text):
    with gzip.open(text / "a.txt.gz", "wt", encoding="utf-8") as file:
        file.write(TEXT)
    assert prepare("a.txt.gz")[0].fingerprint == prepare("a.txt")[0].fingerprint


@pytest.mark.parametrize(
    "other", ["the cat .\n\nnaïve 我 the the\n<UNK> end\n", "the cat .\n\nnaïve 我 the\n\nthe <UNK> end\n"]
)
def test_other_sentences_have_another_fingerprint(text, other):
    (text / "b.txt").write_text(other, encoding="utf-8")
    assert prepare("b.txt")[0].fingerprint != prepare("a.txt")[0].fingerprint


def test_the_cache_is_where_the_environment_says(text):
    prepare("a.txt")
    assert len(directories(text / "cache")) == 1
    prepare_corpus(["a.txt"], cache_dir=text / "elsewhere")
    assert len(list((text / "elsewhere").iterdir())) == 1


def test_a_fault_in_the_text_leaves_nothing_behind(text):
    (text / "bad.txt").write_bytes(b"good line\nbad \xff\n")
    with pytest.raises(TextError, match=r"bad\.txt:2: not valid UTF-8"):
        prepare("bad.txt")
    assert directories(text / "cache") == []


@pytest.mark.parametrize("content", ["", "\n", "\n \n\t\n"])
def test_text_without_a_token(text, content):
    (text / "blank.txt").write_text(content)
    with pytest.raises(TextError, match=r"no token in the text \(blank\.txt\)"):
        prepare("blank.txt")
    assert directories(text / "cache") == []


@pytest.mark.parametrize(
    "name",
    ["tokens.u32", "offsets.i64", "spellings.bytes", "spelling_offsets.i64", "counts.i64", "corpus.json"],
)
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_cache_is_told(text, name, damage):
    prepare("a.txt")
    (directory,) = directories(text / "cache")
    if damage == "missing":
        (directory / name).unlink()
    else:
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CorpusError, match="damaged prepared corpus") as error:
        prepare("a.txt")
    assert str(directory) in str(error.value)
    assert "delete the directory" in str(error.value)


@pytest.mark.parametrize("content", ["[]", '{"format_version": 1, "num_tokens": null}'])
def test_a_cache_that_describes_itself_wrongly_is_told(text, content):
    prepare("a.txt")
    (directory,) = directories(text / "cache")
    (directory / "corpus.json").write_text(content)
    with pytest.raises(CorpusError, match="damaged prepared corpus"):
        prepare("a.txt")


def test_another_format_version_is_refused(text):
    prepare("a.txt")
    (directory,) = directories(text / "cache")
    meta = json.loads((directory / "corpus.json").read_text())
    (directory / "corpus.json").write_text(json.dumps(meta | {"format_version": 99}))
    with pytest.raises(CorpusError, match="format version 99, expected 2"):
        open_corpus(directory)


def test_an_unwritable_cache_is_told_with_the_remedy(text, monkeypatch):
    (text / "file").write_text("")
    monkeypatch.setenv("ELMOKIT_CACHE", str(text / "file"))
    with pytest.raises(OutputError, match="set ELMOKIT_CACHE to a directory with room"):
        prepare("a.txt")
    assert (text / "file").read_text() == ""


def test_the_place_of_a_sentence(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "b.txt").write_text("three\n")
    corpus = prepare_corpus(tmp_path)
    places = [corpus.place(k).removeprefix(f"{tmp_path}/") for k in range(4)]
    assert places == ["a.txt:1", "a.txt:2", "a.txt:3", "b.txt:1"]


def test_a_text_in_memory_is_that_of_the_file(text):
    corpus, _ = prepare("a.txt")
    in_memory = Corpus.from_sentences(line.split() for line in TEXT.splitlines())
    assert in_memory.fingerprint == corpus.fingerprint
    assert sentences(in_memory) == sentences(corpus)
    assert in_memory.num_blank_lines == 2
    np.testing.assert_array_equal(in_memory.types.counts, corpus.types.counts)
    with pytest.raises(CorpusError, match="the text has no words"):
        Corpus.from_sentences([[], []])


def test_the_words_of_a_sentence(text):
    corpus, _ = prepare("a.txt")
    assert [corpus.words(k) for k in range(5)] == [tuple(line.split()) for line in TEXT.splitlines()]


@pytest.mark.parametrize("is_in_memory", [False, True])
def test_a_saved_corpus_is_opened(text, is_in_memory):
    corpus, _ = prepare("a.txt")
    if is_in_memory:
        corpus = Corpus.from_sentences(line.split() for line in TEXT.splitlines())
    (text / "saved").mkdir()
    corpus.save(text / "saved")
    opened = open_corpus(text / "saved")
    assert sentences(opened) == sentences(corpus)
    np.testing.assert_array_equal(opened.types.counts, corpus.types.counts)
    for name in ("source_states", "first_lines", "fingerprint", "num_blank_lines"):
        assert getattr(opened, name) == getattr(corpus, name)

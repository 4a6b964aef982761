from __future__ import annotations

import gzip
import json
import os
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from elmokit.data import prepare as prepare_module
from elmokit.data.corpus import Corpus
from elmokit.data.find import find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.data.text_file import TextFile, look_up
from elmokit.data.word_counts import count_words
from elmokit.data.word_types import BOS_TYPE, EOS_TYPE
from elmokit.errors import CacheNotWritableWarning, DamagedCacheWarning, OutputError, TextError

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


def test_an_error_in_the_text_leaves_nothing_behind(text):
    (text / "bad.txt").write_bytes(b"good line\nbad \xff\n")
    with pytest.raises(TextError, match=r"bad\.txt:2: not valid UTF-8"):
        prepare("bad.txt")
    assert directories(text / "cache") == []


@pytest.mark.parametrize("content", ["", "\n", "\n \n\t\n"])
def test_text_without_a_token(text, content):
    (text / "blank.txt").write_text(content)
    with pytest.raises(TextError, match=r"the text contains no tokens \(blank\.txt\)"):
        prepare("blank.txt")
    assert directories(text / "cache") == []


def test_the_error_for_an_unwritable_cache_has_the_remedy(text, monkeypatch):
    (text / "file").write_text("")
    monkeypatch.setenv("ELMOKIT_CACHE", str(text / "file"))
    with pytest.raises(OutputError, match="set ELMOKIT_CACHE to a directory with room"):
        prepare("a.txt")
    assert (text / "file").read_text() == ""


# --- found again by later versions ---------------------------------------------------------------


def test_the_name_of_a_prepared_corpus_is_that_of_earlier_versions(text, monkeypatch):
    files = [
        TextFile("/texts/a.txt", 41, 1_700_000_000_123_456_789),
        TextFile("s3://bucket/b.txt.gz", None, "None"),
    ]
    names = []
    monkeypatch.setattr(prepare_module, "_open_or_prepare", lambda path, *_: names.append(path.name))
    prepare_corpus(files[:1])
    prepare_corpus(files)
    assert names == ["671f589952e2d94de27cb99fa15d21fb", "dc451ddc959a99f181e1c3f12a7d5de7"]


def test_the_states_of_the_sources_are_stored_as_by_earlier_versions(text):
    os.utime("a.txt", ns=(1, 7))
    assert prepare("a.txt")[0].source_states == (
        {"path": str(text / "a.txt"), "size": len(TEXT.encode()), "changed": 7},
    )
    (directory,) = directories(text / "cache")
    stored = json.loads((directory / "corpus.json").read_text())
    assert list(stored)[:3] == ["format_version", "sources", "first_lines"]
    assert stored["sources"] == [{"path": str(text / "a.txt"), "size": len(TEXT.encode()), "changed": 7}]


# --- each file is asked about once ---------------------------------------------------------------


def test_finding_counting_and_preparing_asks_about_each_local_file_once(text, monkeypatch):
    (text / "b.txt").write_text(TEXT)
    asked: Counter[str] = Counter()
    stat = os.stat

    def counting(path: str | os.PathLike[str], **options: bool) -> os.stat_result:
        asked[str(path)] += 1
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", counting)
    files = find_texts("*.txt")
    assert total_bytes(files) == 2 * len(TEXT.encode())
    assert prepare_corpus(files, fallback_dir=text / "own").num_tokens == count_words(files).num_tokens == 18
    assert (asked["a.txt"], asked["b.txt"]) == (1, 1)


def test_finding_counting_and_preparing_asks_about_each_remote_file_once(text, monkeypatch):
    memory = MemoryFileSystem()
    for name in ("a.txt", "b.txt"):
        memory.pipe(f"/many/{name}", TEXT.encode())
    asked: Counter[str] = Counter()
    info = MemoryFileSystem.info

    def counting(files: MemoryFileSystem, path: str, **options: bool) -> dict:
        asked[path] += 1
        return info(files, path, **options)

    monkeypatch.setattr(MemoryFileSystem, "info", counting)
    files = find_texts("memory://many/*.txt")
    assert total_bytes(files) == 2 * len(TEXT.encode())
    assert count_words(files).num_tokens == prepare_corpus(files).num_tokens == 18
    assert (asked["/many/a.txt"], asked["/many/b.txt"]) == (1, 1)
    memory.rm("/many", recursive=True)


# --- if the cache cannot be written -----------------------------------------------------------


@pytest.fixture
def read_only_cache(text, monkeypatch) -> Path:
    """The cache, with the disk full after the text has been read."""
    new_directory = prepare_module.new_directory

    @contextmanager
    def refused(path: Path, *, first_wins: bool):
        place = text / "temporary" if path.is_relative_to(text / "cache") else path
        with new_directory(place, first_wins=first_wins) as temporary:
            yield temporary
            if path.is_relative_to(text / "cache"):
                raise OutputError(f"{path}: cannot write: No space left on device")

    monkeypatch.setattr(prepare_module, "new_directory", refused)
    return text / "cache"


def test_the_fallback_is_used_with_a_warning_if_the_cache_cannot_be_written(text, read_only_cache):
    reading = Reading()
    with pytest.warns(CacheNotWritableWarning) as caught:
        corpus = prepare_corpus("a.txt", fallback_dir=text / "own", on_bytes=reading)
    assert sentences(corpus) == [line.split() for line in TEXT.splitlines()]
    assert reading.num_bytes == len(TEXT.encode())  # although it was read twice
    (warning,) = caught
    assert warning.filename == __file__
    message = str(warning.message)
    assert message.startswith(f"{read_only_cache / 'corpora'}/")
    assert message.endswith(
        ": cannot write: No space left on device; set ELMOKIT_CACHE to a directory with room for it; "
        f"the prepared text is kept in {text / 'own'} instead"
    )
    assert len(list((text / "own").iterdir())) == 1

    again = Reading()  # without a warning
    prepare_corpus("a.txt", fallback_dir=text / "own", on_bytes=again)
    assert again.num_bytes == 0


def test_the_fallback_is_not_used_if_the_cache_has_the_text_or_can_be_written(text, request):
    reading = Reading()
    prepare_corpus("a.txt", fallback_dir=text / "own", on_bytes=reading)
    assert reading.num_bytes == len(TEXT.encode())
    request.getfixturevalue("read_only_cache")
    prepare_corpus("a.txt", fallback_dir=text / "own", on_bytes=reading)
    assert reading.num_bytes == len(TEXT.encode())
    assert not (text / "own").exists()


def test_the_fallback_is_looked_at_first(text):
    in_cache = prepare_corpus("a.txt")
    prepare_corpus("a.txt", cache_dir=text / "own")
    (directory,) = directories(text / "cache")
    (directory / "corpus.json").unlink()
    assert prepare_corpus("a.txt", fallback_dir=text / "own").fingerprint == in_cache.fingerprint


def test_an_error_if_the_fallback_cannot_be_written_either(text, read_only_cache):
    (text / "file").write_text("")
    with (
        pytest.warns(CacheNotWritableWarning),
        pytest.raises(OutputError, match=r"file/.*: cannot write: .*; set ELMOKIT_CACHE to a directory"),
    ):
        prepare_corpus("a.txt", fallback_dir=text / "file")


def test_an_error_in_the_text_is_no_reason_for_the_fallback(text):
    (text / "bad.txt").write_bytes(b"bad \xff\n")
    with pytest.raises(TextError, match=r"bad\.txt:1: not valid UTF-8"):
        prepare_corpus("bad.txt", fallback_dir=text / "own")
    assert not (text / "own").exists()


# --- a text that changed without a trace, and a damaged cache -----------------------------------


def prepared(pattern: str) -> Corpus:
    return prepare_corpus(pattern, cache_dir=Path("cache", "corpora"))


def test_a_change_that_keeps_size_and_time_is_noticed(text):
    os.utime("a.txt", ns=(1, 7))
    before = prepared("a.txt").fingerprint
    Path("a.txt").write_text(TEXT[::-1].strip() + "\n" * (len(TEXT) - len(TEXT.strip())))
    os.utime("a.txt", ns=(1, 7))
    after = prepared("a.txt")
    assert after.fingerprint != before
    assert len(directories(text / "cache")) == 1  # the outdated one is replaced
    assert prepared("a.txt").fingerprint == after.fingerprint


def test_blocks_are_compared_where_status_tells_nothing(tmp_path):
    """As if another file system gave the same inode and time."""
    path = tmp_path / "text"
    path.write_bytes(bytes(1_000_000))
    file = look_up(path)
    before = file.content_state()
    assert before == file.content_state()
    with path.open("r+b") as stream:
        stream.seek(999_999)
        stream.write(b"x")
    assert file.content_state() != before


@pytest.mark.parametrize(
    "name", ["tokens.u32", "offsets.i64", "spellings.bytes", "counts.i64", "corpus.json"]
)
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_cache_is_made_again(text, name, damage):
    before = prepared("a.txt")
    sentences_before = [before.words(k) for k in range(before.num_lines)]
    (directory,) = directories(text / "cache")
    content = bytearray((directory / name).read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        (directory / name).unlink()
    else:
        (directory / name).write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        after = prepared("a.txt")
    # A flipped bit of corpus.json may make it that of another text, which is no damage.
    if name != "corpus.json":
        assert [warning.category for warning in caught] == [DamagedCacheWarning]
        assert "preparing the text again" in str(caught[0].message)
    assert [after.words(k) for k in range(after.num_lines)] == sentences_before
    assert after.fingerprint == before.fingerprint
    assert prepared("a.txt").fingerprint == before.fingerprint


def test_a_url_without_time_or_tag_is_read_again(text, monkeypatch):
    memory = MemoryFileSystem()
    memory.pipe("/changing.txt", b"a b c\n")
    monkeypatch.setattr(
        MemoryFileSystem, "info", lambda self, path, **_: {"name": path, "size": 6, "type": "file"}
    )
    assert look_up("memory://changing.txt").content_state() is None
    before = prepared("memory://changing.txt").fingerprint
    memory.pipe("/changing.txt", b"c b a\n")
    assert prepared("memory://changing.txt").fingerprint != before

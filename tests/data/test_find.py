from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from elmokit.data.find import Part, Patterns, find_texts
from elmokit.data.read import read_lines, total_bytes
from elmokit.data.text_file import TextFile
from elmokit.errors import MissingExtraError, TextError
from elmokit.errors.installation import install_command


def paths(patterns: Patterns) -> list[str]:
    return [file.path for file in find_texts(patterns)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [
        "b.txt",
        "a.txt",
        "sub/c.txt",
        "sub/deep/d.txt.gz",
        ".hidden.txt",
        ".git/e.txt",
        "sub/.f.txt",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def memory_files():
    files = fsspec.filesystem("memory")
    for name in ["/texts/b.txt", "/texts/a.txt", "/texts/sub/c.txt", "/texts/.d.txt"]:
        files.pipe(name, b"in memory\n")
    yield files
    files.rm("/texts", recursive=True)


def test_glob_is_sorted(tree):
    assert paths(["*.txt"]) == ["a.txt", "b.txt"]


def test_one_of_them_needs_no_list(tree):
    assert paths("*.txt") == ["a.txt", "b.txt"]
    assert paths(Path("a.txt")) == paths([Path("a.txt")]) == ["a.txt"]


def test_double_star_goes_through_all_levels(tree):
    assert paths(["**/*.txt*"]) == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt.gz"]


def test_glob_takes_only_files(tree):
    assert paths(["*"]) == ["a.txt", "b.txt"]


def test_directory_is_all_its_files_but_hidden_ones(tree):
    expected = [str(tree / name) for name in ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt.gz"]]
    assert paths([str(tree)]) == expected


def test_each_file_once_however_it_is_spelled(tree):
    assert paths(["a.txt", "*.txt", "./a.txt", str(tree / "a.txt")]) == ["a.txt", "b.txt"]


def test_existing_path_with_glob_characters_is_literal(tree):
    (tree / "x[1]*.txt").write_text("x\n")
    (tree / "x1.txt").write_text("x\n")
    assert paths(["x[1]*.txt"]) == ["x[1]*.txt"]
    (tree / "x[1]*.txt").unlink()
    assert paths(["x[1]*.txt"]) == ["x1.txt"]


def test_quoted_tilde_is_the_home_directory(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree / "sub"))
    assert paths(["~/*.txt"]) == [str(tree / "sub/c.txt")]


def test_no_match_names_pattern_and_current_directory(tree):
    with pytest.raises(TextError, match=re.escape(f"nothing/*.txt (in {tree}): no such file")):
        find_texts(["a.txt", "nothing/*.txt"])


def test_no_match_of_an_absolute_path():
    with pytest.raises(TextError, match=r"^/nowhere/x\.txt: no such file"):
        find_texts(["/nowhere/x.txt"])


def test_directory_without_files(tree):
    (tree / "empty").mkdir()
    with pytest.raises(TextError, match=r"empty .*the directory contains no files"):
        find_texts(["empty"])


def test_urls(memory_files):
    a, b, c = "memory:///texts/a.txt", "memory:///texts/b.txt", "memory:///texts/sub/c.txt"
    assert paths(["memory://texts/*.txt", "memory://texts/a.txt"])[-2:] == [a, b]
    assert paths(["memory://texts"]) == [a, b, c]
    assert paths(["memory://texts/**/c.txt"]) == [c]
    assert list(read_lines(a)) == ["in memory"]
    assert total_bytes([a, b]) == 20


def test_url_that_matches_nothing(memory_files):
    with pytest.raises(TextError, match=r"^memory://texts/\*\.csv: no such file"):
        find_texts(["memory://texts/*.csv"])


def test_unknown_protocol():
    with pytest.raises(TextError, match="nope://x/y: cannot open: Protocol not known: nope"):
        find_texts(["nope://x/y"])


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("s3://bucket/x.txt", "s3fs", "s3"), ("https://host/x.txt", "aiohttp", "http")],
)
def test_missing_package_names_the_extra(url, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, url.partition(":")[0], raising=False)
    for cached in ("fsspec.implementations.http", "fsspec.implementations.http_sync"):
        monkeypatch.delitem(sys.modules, cached, raising=False)
    for call in (lambda: find_texts([url]), lambda: list(read_lines(url)), lambda: total_bytes([url])):
        with pytest.raises(
            MissingExtraError, match=rf"reading {url} needs .*{re.escape(install_command(extra))}"
        ):
            call()


def test_files_have_their_sizes_and_times(tree, memory_files):
    (tree / "a.txt").write_text("four")
    os.utime("a.txt", ns=(5, 7))
    assert find_texts(["*.txt"])[0] == TextFile("a.txt", 4, 7)
    created = memory_files.store["/texts/a.txt"].created
    assert find_texts("memory://texts")[0] == TextFile("memory:///texts/a.txt", 10, str(created))


def test_files_found_earlier_are_taken_as_they_are(tree, memory_files):
    files = find_texts(["*.txt", "memory://texts"])
    (tree / "a.txt").unlink()
    memory_files.rm("/texts/a.txt")
    assert find_texts(files) == files
    assert find_texts(files[0]) == files[:1]
    assert find_texts([*files[:2], "b.txt"]) == files[:2]


@pytest.mark.parametrize("patterns", [["a.txt", "b.txt"], ["*.txt"], ["."]])
def test_each_file_is_asked_about_once(tree, monkeypatch, patterns):
    asked: Counter[str] = Counter()
    stat = os.stat

    def counting(path: str | os.PathLike[str], **options: bool) -> os.stat_result:
        asked[Path(path).name] += 1
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", counting)
    files = find_texts(patterns)
    assert [asked[Path(file).name] for file in files] == [1] * len(files)
    before = asked.copy()
    assert total_bytes(find_texts(files)) == 2 * len(files)
    assert asked == before


@pytest.mark.parametrize("pattern", ["memory://texts/a.txt", "memory://texts/*.txt", "memory://texts"])
def test_each_remote_file_is_asked_about_once(memory_files, monkeypatch, pattern):
    asked: Counter[str] = Counter()
    info = MemoryFileSystem.info

    def counting(files: MemoryFileSystem, path: str, **options: bool) -> dict:
        asked[path.removeprefix("/texts/")] += 1
        return info(files, path, **options)

    monkeypatch.setattr(MemoryFileSystem, "info", counting)
    files = find_texts(pattern)
    total_bytes(find_texts(files))
    assert [asked[file.path.removeprefix("memory:///texts/")] for file in files] == [1] * len(files)


def test_a_file_that_cannot_be_looked_at(tree, monkeypatch):
    def refuse(path: Path, **_: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)  # root may look at everything
    with pytest.raises(TextError, match=r"^a\.txt: cannot read: Permission denied"):
        find_texts("a.txt")


def test_a_dangling_or_circular_link_is_not_a_text(tree):
    (tree / "sub/dangling.txt").symlink_to("nowhere")
    (tree / "sub/loop.txt").symlink_to("loop.txt")
    assert paths("sub") == ["sub/c.txt", "sub/deep/d.txt.gz"]
    with pytest.raises(TextError, match=r"loop\.txt .*no such file"):
        find_texts("sub/loop.txt")


def test_a_directory_of_shards(tmp_path):
    names = ["train-00000.txt.gz", "train-00001.txt.gz", "heldout-00000.txt.gz"]
    for name in names:
        (tmp_path / name).write_bytes(b"")

    def found(pattern: object, part: Part | None) -> list[str]:
        return [Path(file.path).name for file in find_texts(str(pattern), part)]

    assert found(tmp_path, "train") == names[:2]
    assert found(tmp_path, "heldout") == names[2:]
    assert found(tmp_path, None) == sorted(names)
    # What is named is meant.
    assert found(tmp_path / "*", "train") == sorted(names)
    assert found(tmp_path / names[2], "train") == [names[2]]
    (tmp_path / "more.txt").write_bytes(b"")  # not a directory of shards alone
    assert found(tmp_path, "train") == sorted([*names, "more.txt"])


def test_a_prefix_is_the_beginning_of_paths(tmp_path):
    for name in ("part-1.txt", "part-2.txt", "other.txt"):
        (tmp_path / name).write_text("a")
    found = find_texts(tmp_path / "part", "train")
    assert [Path(file.path).name for file in found] == ["part-1.txt", "part-2.txt"]
    with pytest.raises(TextError, match="no such file"):
        find_texts(tmp_path / "part")  # elsewhere a path is a path


@pytest.mark.parametrize("pattern", ["", "  "])
def test_an_empty_path_is_not_the_working_directory(pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(TextError, match="an empty path, expected text"):
        find_texts(pattern)

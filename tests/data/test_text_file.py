from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from elmokit.data.text_file import TextFile, is_url, list_names, look_up
from elmokit.errors import TextError


def test_the_state_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    os.utime("a.txt", ns=(5, 7))
    assert look_up("a.txt").source_state == {"path": str(tmp_path / "a.txt"), "size": 4, "changed": 7}
    with fsspec.open("memory://a.txt", "w") as file:
        file.write("text")
    state = look_up("memory://a.txt").source_state
    assert (state["path"], state["size"]) == ("memory://a.txt", 4)


def test_a_text_file_is_a_path(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    file = look_up(tmp_path / "a.txt")
    assert str(file) == f"{file}" == os.fspath(file) == str(tmp_path / "a.txt")
    assert Path(file).read_text() == "text"
    assert (tmp_path / "a.txt").samefile(file)
    assert look_up(str(file)) == file
    assert hash(look_up(str(file))) == hash(file)


def test_a_file_found_earlier_is_not_looked_up_again():
    file = TextFile("nowhere.txt", 3, 5)
    assert look_up(file) is file


@pytest.mark.parametrize(
    ("info", "size", "changed"),
    [
        ({"size": 3, "LastModified": datetime(2024, 1, 2, tzinfo=UTC)}, 3, "2024-01-02 00:00:00+00:00"),
        ({"size": 3, "ETag": '"ab"', "mtime": 5}, 3, '"ab"'),
        ({"size": None, "ETag": None, "mtime": 5.5}, None, "5.5"),
        ({}, None, "None"),
    ],
)
def test_what_a_server_reports(info, size, changed):
    file = TextFile.remote("s3://bucket/a.txt", info)
    assert file.source_state == {"path": "s3://bucket/a.txt", "size": size, "changed": changed}


@pytest.mark.parametrize("path", ["no.txt", "memory://nowhere/no.txt"])
def test_a_missing_file(path):
    with pytest.raises(TextError, match=f"^{path}: cannot read: "):
        look_up(path)


def test_urls_and_files_that_look_like_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_url("s3://bucket/a.txt")
    assert is_url("simplecache::s3://bucket/a.txt")
    assert not is_url("/home/me/a.txt")
    (tmp_path / "s3:").mkdir()
    (tmp_path / "s3:/a.txt").write_text("text")
    assert not is_url("s3://a.txt")


def test_names_of_files_for_messages():
    assert list_names(["a", Path("b"), TextFile("c", 0, 0)]) == "a, b, c"
    assert list_names("abcde") == "a, b, c and 2 more"
    assert list_names([]) == ""

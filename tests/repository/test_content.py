"""A downloaded file that cannot be what its name says is noticed, and others are not suspected."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest

from elmokit.repository.content import content_problem


@pytest.mark.parametrize("userblock", [0, 512, 1024])
@pytest.mark.parametrize("libver", ["earliest", "latest", "v108"])
def test_hdf5_files_of_all_versions_must_have_their_end(tmp_path, libver, userblock):
    path = tmp_path / "w.hdf5"
    with h5py.File(path, "w", libver=libver, userblock_size=userblock) as file:
        file["a/b"] = np.arange(1000)
    assert content_problem(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    assert content_problem(path) == "an HDF5 file without its end"
    with pytest.raises(OSError, match="truncated"):
        h5py.File(path)


def test_zip_files_must_have_their_end(tmp_path):
    path = tmp_path / "m.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b" * 1000)
    assert content_problem(path) is None
    path.write_bytes(path.read_bytes()[:-30])
    assert content_problem(path) == "something else than a complete ZIP archive"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><p>",
        b"\xef\xbb\xbf\r\n  <HTML lang='en'>",
        b"<!-- a hotspot -->\n<!-- of an airport -->\n<html>",
        b"<script>location.href = '/login'</script>",
    ],
)
@pytest.mark.parametrize("name", ["w.hdf5", "m.zip", "options.json", "vocab.txt", "elmo.model"])
def test_no_file_may_be_a_web_page(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "a web page" in content_problem(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("w.hdf5", b"", "something else than an HDF5 file"),
        ("w.h5", b"\x89HDF\r\n\x1a\n", "something else than an HDF5 file"),
        ("w.h5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 100, "an HDF5 file without its end"),
        ("m.zip", b"PK", "something else than a complete ZIP archive"),
        ("o.json", b'{"a": 1', "something else than JSON"),
        ("o.json", b"[" * 100_000, "something else than JSON"),
        ("o.json", b'\xef\xbb\xbf{"a": 1}', None),
        ("vocab.txt", b"<S>\n</S>\n<UNK>\nthe\n", None),
        ("vocab.txt", b"<html\n<htm\n", "a web page, as a hotspot, a proxy or a login page sends it"),
        ("vocab.txt", b"", None),
        ("any", b"\x00\xff", None),
    ],
)
def test_other_contents(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert content_problem(tmp_path / name) == expected

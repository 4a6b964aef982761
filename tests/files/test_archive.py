"""Archives from strangers: unpacked as they are, or refused by name with nothing left behind."""

from __future__ import annotations

import errno
import io
import os
import random
import shutil
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest

from elmokit.errors import ModelFileError, OutputError
from elmokit.files import archive as archive_module
from elmokit.files.archive import extracted

FILES = {
    "model/weights.hdf5": bytes(random.Random(0).randbytes(5000)),
    "model/options.json": b'{"lstm": {}}' * 20,
    "model/sub/vocab.txt": b"<S>\n</S>\n<UNK>\nthe\n" * 30,
    "model/empty": b"",
}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """The directory of temporary directories; empty again after every test."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield scratch
    assert list(scratch.iterdir()) == []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.zip"


def _write(path, members, compression=zipfile.ZIP_DEFLATED):
    """Members: name or ZipInfo → content."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)


def _patch_directory(path, offset, replacement):
    """Change the first entry of the archive's directory."""
    content = bytearray(path.read_bytes())
    position = content.index(b"PK\1\2") + offset
    content[position : position + len(replacement)] = replacement
    path.write_bytes(content)


def _read(path):
    with extracted(path) as directory:
        return {
            file.relative_to(directory).as_posix(): file.read_bytes()
            for file in directory.rglob("*")
            if file.is_file()
        }


def _message(path, kind=ModelFileError):
    with pytest.raises(kind) as caught, extracted(path):
        pytest.fail("unpacked")
    message = str(caught.value)
    assert message.isprintable(), "one line"
    return message


def _problem(path):
    start = f"{path}: not unpacked: "
    message = _message(path)
    assert message.startswith(start)
    return message.removeprefix(start)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_single_folder_is_the_model(compression, path):
    _write(path, FILES.items(), compression)
    with extracted(path) as directory:
        assert directory.name == "model"
    assert _read(path) == {name.removeprefix("model/"): content for name, content in FILES.items()}


def test_files_at_the_top(path):
    members = {"weights.hdf5": b"1", "options.json": b"2", "sub/vocab.txt": b"3"}
    _write(path, members.items())
    assert _read(path) == members


def test_a_single_file_at_the_top(path):
    _write(path, [("weights.hdf5", b"1")])
    assert _read(path) == {"weights.hdf5": b"1"}


def test_folders_of_their_own_entries(path):
    _write(path, [("model/", b""), ("model/sub/", b""), *FILES.items(), ("model/none/", b"")])
    assert _read(path) == {name.removeprefix("model/"): content for name, content in FILES.items()}


def test_what_macos_adds_is_left_out(path):
    extra = {"__MACOSX/._model": b"x", "__MACOSX/model/._options.json": b"x", ".DS_Store": b"x"}
    _write(path, [*extra.items(), *FILES.items(), ("model/.DS_Store", b"x"), ("__MACOSX/", b"")])
    assert _read(path) == {name.removeprefix("model/"): content for name, content in FILES.items()}


def test_names_beyond_ascii(path):
    _write(path, [("modèle/模型.txt", b"1"), ("modèle/a b.txt", b"2")])
    assert _read(path) == {"模型.txt": b"1", "a b.txt": b"2"}


def test_nothing_is_left_after_an_error_of_the_reader(path, scratch):
    def read():
        with extracted(path) as directory:
            assert directory.is_relative_to(scratch)
            raise KeyError("of whoever reads the model")

    _write(path, FILES.items())
    with pytest.raises(KeyError):
        read()


# --- refused before a byte is written ------------------------------------------------------------


@pytest.fixture
def nothing_is_written(monkeypatch):
    def refuse(*_):
        pytest.fail("written")

    monkeypatch.setattr(archive_module, "_extract", refuse)


@pytest.mark.usefixtures("nothing_is_written")
class TestRefusedAtOnce:
    @pytest.mark.parametrize("name", ["/etc/passwd", "//host/share", "C:/x", "c:x", "a\\b", "..\\x", "\\x"])
    def test_paths_that_are_not_relative(self, name, path):
        _write(path, [*FILES.items(), (name, b"x")])
        assert _problem(path) == (
            f"{name!r}: an absolute path, a drive or a backslash, expected a relative path with /"
        )

    @pytest.mark.parametrize(
        "name", ["../x", "a/../../x", "a/..", "..", "./x", "a//b", "a/./b", "a\nb", "\x1b[2J", "a\x7f", "a//"]
    )
    def test_paths_that_are_not_plain(self, name, path):
        _write(path, [*FILES.items(), (name, b"x" if not name.endswith("/") else b"")])
        assert _problem(path) == f"{name!r}: not a plain path, expected names separated by single /"

    def test_no_name(self, path):
        _write(path, FILES.items())
        _patch_directory(path, 28, struct.pack("<HHH", 0, 0, len("model/weights.hdf5")))  # now a comment
        assert _problem(path).startswith("'': not a plain path, expected names separated by single /; ")

    def test_a_name_with_a_null(self, path):
        _write(path, [*FILES.items(), ("model/harmlessX/../../x", b"x")])
        path.write_bytes(path.read_bytes().replace(b"harmlessX", b"harmless\0"))
        assert "'model/harmless\\x00/../../x': not a plain path" in _problem(path)

    @pytest.mark.parametrize(
        ("kind", "problem"),
        [
            (stat.S_IFLNK, "a symbolic link"),
            (stat.S_IFIFO, "a device or another special file"),
            (stat.S_IFCHR, "a device or another special file"),
            (stat.S_IFSOCK, "a device or another special file"),
        ],
    )
    def test_links_and_special_files(self, kind, problem, path):
        member = zipfile.ZipInfo("model/link")
        member.external_attr = (kind | 0o777) << 16
        _write(path, [*FILES.items(), (member, b"/etc/passwd")])
        assert _problem(path) == f"'model/link': {problem}"

    def test_encrypted(self, path):
        _write(path, FILES.items())
        _patch_directory(path, 8, b"\1")
        assert (
            _problem(path)
            == "'model/weights.hdf5': encrypted: unpack the archive and give the path of the directory"
        )

    @pytest.mark.parametrize(
        ("method", "name"), [(zipfile.ZIP_BZIP2, "BZip2"), (zipfile.ZIP_LZMA, "LZMA"), (77, "method 77")]
    )
    def test_other_compressions(self, method, name, path):
        is_known = method != 77
        _write(path, [("a", b"x" * 99)], method if is_known else zipfile.ZIP_STORED)
        if not is_known:
            _patch_directory(path, 10, b"\x4d")
        expected = (
            f"'a': compressed with {name}, expected Deflate: unpack it and give the path of the directory"
        )
        assert _problem(path) == expected

    def test_twice(self, path):
        with pytest.warns(UserWarning, match="Duplicate name"):
            _write(path, [*FILES.items(), ("model/options.json", b"another")])
        assert _problem(path) == "'model/options.json': twice in the archive"

    def test_a_file_that_is_a_folder(self, path):
        _write(path, [("a/b", b"1"), ("a", b"2"), ("a/c/d", b"3")])
        assert _problem(path) == (
            "'a/b': inside a member that is a file; 'a/c/d': inside a member that is a file"
        )

    def test_a_folder_of_the_name_of_a_file(self, path):
        _write(path, [("a", b"2"), ("a/", b"")])
        assert _problem(path) == "'a/': twice in the archive"

    def test_all_problems_at_once_but_not_hundreds(self, path):
        _write(path, [("/x", b""), ("../y", b""), ("fine", b"")])
        assert [part.split(":")[0] for part in _problem(path).split("; ")] == ["'/x'", "'../y'"]
        _write(path, [(f"/{k}", b"") for k in range(30)])
        assert _problem(path).endswith("; and 20 more")

    def test_too_many_members(self, path):
        _write(path, [(f"{k}", b"") for k in range(5001)], zipfile.ZIP_STORED)
        assert _message(path) == f"{path}: 5001 members, expected at most 5000 for a model"

    @pytest.mark.parametrize("members", [[], [("model/", b"")], [("__MACOSX/x", b"x"), (".DS_Store", b"x")]])
    def test_no_file(self, members, path):
        _write(path, members)
        assert _message(path) == f"{path}: no files in this archive, expected a model"

    def test_a_bomb(self, path):
        _write(path, [("model/weights.hdf5", bytes(12 << 20))])
        size = path.stat().st_size
        assert size < 20_000
        assert _problem(path) == (
            f"{size} bytes would become {12 << 20}, expected at most {10 << 20} for a model"
        )

    def test_a_bomb_of_members_that_share_their_bytes(self, path):
        _write(path, [("000", random.Random(0).randbytes(1 << 17))])
        content = path.read_bytes()
        start, end = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
        entry = content[start:end]
        directory = b"".join(entry.replace(b"000", b"%03d" % k) for k in range(300))
        tail = bytearray(content[end:])
        tail[8:16] = struct.pack("<HHI", 300, 300, len(directory))
        path.write_bytes(content[:start] + directory + tail)
        assert f" bytes would become {300 << 17}, expected at most " in _problem(path)

    def test_more_than_any_model(self, path, monkeypatch):
        _write(path, FILES.items())
        monkeypatch.setattr(archive_module, "_MAX_BYTES", 5000)
        assert _problem(path).endswith("expected at most 5000 for a model")

    def test_more_than_is_free(self, path, scratch, monkeypatch):
        _write(path, FILES.items())
        usage = shutil.disk_usage(scratch)._replace(free=100)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        message = _message(path, OutputError)
        assert (
            f"cannot unpack {path}: needs {sum(map(len, FILES.values()))} bytes, but only 100 are free: "
            in message
        )
        assert message.endswith("free some space, or set TMPDIR to a directory with more")


# --- refused on the way --------------------------------------------------------------------------


def _damage(path):
    start = f"{path}: model/weights.hdf5: damaged ("
    message = _message(path)
    assert message.startswith(start)
    assert message.endswith("): download the archive again")
    return message.removeprefix(start).removesuffix("): download the archive again")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_of_a_member(compression, path):
    _write(path, FILES.items(), compression)
    content = bytearray(path.read_bytes())
    content[1000] ^= 4
    path.write_bytes(content)
    assert "Bad CRC-32" in _damage(path) or "invalid" in _damage(path)


def test_more_bytes_than_expected(path, monkeypatch):
    _write(path, [("model/weights.hdf5", bytes(9 << 20))])
    _patch_directory(path, 24, struct.pack("<I", 1000))
    written = []
    chunks = archive_module._chunks
    monkeypatch.setattr(
        archive_module, "_chunks", lambda *arguments: (written.append(c) or c for c in chunks(*arguments))
    )
    assert "Bad CRC-32" in _damage(path)
    assert sum(map(len, written)) <= 1000


def test_fewer_bytes_than_expected(path):
    _write(path, [("model/weights.hdf5", b"x" * 100)])
    _patch_directory(path, 24, struct.pack("<I", 1 << 20))
    assert _damage(path) == "100 bytes, expected 1048576"


def test_members_that_disappear_in_a_comment(path):
    _write(path, FILES.items())
    content = path.read_bytes()
    directory = content[content.index(b"PK\1\2") : content.index(b"PK\5\6")]
    rest = directory.index(b"PK\1\2", 1)
    _patch_directory(path, 32, struct.pack("<H", len(directory) - rest))
    assert _message(path) == (
        f"{path}: damaged (1 members in its directory, expected 4): download the archive again"
    )


def test_a_comment_and_what_follows_the_end(path):
    _write(path, FILES.items())
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"made by somebody" * 100
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes() + b"\n")
    assert _read(path) == {name.removeprefix("model/"): content for name, content in FILES.items()}


def test_another_name_at_the_member_than_in_the_directory(path):
    _write(path, FILES.items())
    content = path.read_bytes()
    path.write_bytes(content.replace(b"model/weights.hdf5", b"model/../../hdf5.x", 1))
    assert "differ" in _damage(path)


def test_a_full_disk(path, monkeypatch):
    _write(path, FILES.items())

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullFile(io.BytesIO):
        write = full

    really_open = Path.open
    monkeypatch.setattr(
        Path, "open", lambda file, mode: FullFile() if mode == "xb" else really_open(file, mode)
    )
    message = _message(path, OutputError)
    assert message.endswith(
        f"weights.hdf5: cannot unpack {path} there: No space left on device: "
        "free some space, or set TMPDIR to a directory with more"
    )


def test_a_name_too_long_for_the_file_system(path):
    _write(path, [("n" * 300, b"x")])
    assert "File name too long" in _message(path, OutputError)


def test_no_directory_for_temporary_files(path, monkeypatch, tmp_path):
    _write(path, FILES.items())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    message = _message(path, OutputError)
    assert message == f"{path}: cannot create a temporary directory to unpack it: No such file or directory"


def test_no_such_file(path, tmp_path):
    assert _message(path) == f"{path}: no such file: expected a ZIP archive"
    assert _message(tmp_path) == f"{tmp_path}: no such file: expected a ZIP archive"


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4" + bytes(100), b"a vocabulary\n" * 100, b"PK\5\6"])
def test_not_an_archive(content, path):
    path.write_bytes(content)
    assert _message(path) == (f"{path}: damaged, or not a ZIP archive of a model (File is not a zip file)")


def test_a_name_that_is_not_the_utf8_it_claims_to_be(path):
    _write(path, [("modèle.hdf5", b"x")])
    path.write_bytes(path.read_bytes().replace("è".encode(), b"\xc3\xc3"))
    assert "archive of a model ('utf-8' codec can't decode" in _message(path)


def _is_refused(path, content):
    """If it is not refused, the archive must give what was put into it."""
    path.write_bytes(content)
    try:
        files = _read(path)
    except ModelFileError as error:
        return str(error).isprintable() and str(path) in str(error)
    assert {f"model/{name}": content for name, content in files.items()} == FILES
    return False


def test_truncated(path):
    _write(path, FILES.items())
    content = path.read_bytes()
    for length in (*range(0, len(content), 97), *range(len(content) - 60, len(content))):
        assert _is_refused(path, content[:length]), length


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_flipped_bits(compression, path):
    _write(path, FILES.items(), compression)
    content = path.read_bytes()
    generator = random.Random(0)
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    positions = [
        *range(60),
        *range(directory, len(content)),
        *(generator.randrange(directory) for _ in range(100)),
    ]
    num_refused = 0
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        num_refused += _is_refused(path, damaged)
    assert num_refused > len(positions) // 3

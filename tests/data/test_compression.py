from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import sys
from functools import partial
from pathlib import Path

import pytest
import zstandard

from elmokit.data.compression import compressor, decompressed
from elmokit.data.read import read_lines
from elmokit.errors import MissingExtraError, TextError
from elmokit.errors.installation import install_command

COMPRESS = {
    ".txt": bytes,
    ".txt.gz": gzip.compress,
    ".txt.bz2": bz2.compress,
    ".txt.xz": partial(lzma.compress, preset=0),
    ".txt.zst": zstandard.compress,
}


def lines_of(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return list(read_lines(str(path)))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_every_compression(tmp_path, suffix):
    content = "ein Satz .\n\nnaïve 中文\n".encode()
    assert lines_of(tmp_path / f"t{suffix}", COMPRESS[suffix](content)) == [
        "ein Satz .",
        "",
        "naïve 中文",
    ]


@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
def test_several_compressed_streams_in_one_file(tmp_path, suffix):
    content = COMPRESS[suffix](b"one\ntw") + COMPRESS[suffix](b"o\n")
    assert lines_of(tmp_path / f"t{suffix}", content) == ["one", "two"]


@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
def test_truncated(tmp_path, suffix):
    noise = b"".join(os.urandom(40).hex().encode() + b"\n" for _ in range(25_000))
    whole = COMPRESS[suffix](noise)
    message = rf"t{re.escape(suffix)}: cannot read beyond line \d{{2,}}: .*is the file complete"
    with pytest.raises(TextError, match=message):
        lines_of(tmp_path / f"t{suffix}", whole[: len(whole) * 3 // 4])


@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
@pytest.mark.parametrize("content", [b"", b"no compressed text\n", b"\0" * 100])
def test_not_compressed_at_all(tmp_path, suffix, content):
    with pytest.raises(TextError, match=rf"t{re.escape(suffix)}: .*copy or download it again"):
        lines_of(tmp_path / f"t{suffix}", content)


def test_zstd_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match=rf"t\.zst needs .*{re.escape(install_command('zstd'))}"):
        lines_of(tmp_path / "t.zst", zstandard.compress(b"a\n"))


@pytest.mark.parametrize("compression", ["none", "gz", "bz2", "xz", "zst"])
def test_what_is_written_is_read_again(compression):
    content = b"a line\n" * 1000
    raw = io.BytesIO()
    with compressor(compression)(raw) as file:
        file.write(content)
        if compression == "zst":
            file.flush(zstandard.FLUSH_FRAME)
        stored = raw.getvalue() if compression in ("none", "zst") else None
    stored = raw.getvalue() if stored is None else stored
    assert (len(stored) < 500) == (compression != "none")
    assert decompressed(f"t.{compression}", io.BytesIO(stored)).read(1 << 20) == content


def test_the_suffix_of_a_url_ends_before_its_query():
    content = gzip.compress(b"a\n")
    assert decompressed("https://host/t.GZ?version=1", io.BytesIO(content)).read(9) == b"a\n"
    assert decompressed("https://host/t?name=x.gz", io.BytesIO(content)).read(99) == content


def test_writing_zstd_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(
        MissingExtraError, match=rf"writing \.zst files needs .*{re.escape(install_command('zstd'))}"
    ):
        compressor("zst")

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
import zstandard

from elmokit.data import read as read_module
from elmokit.data.find import find_texts
from elmokit.data.read import is_storable, no_token_error, read_lines, read_sentences, total_bytes
from elmokit.errors import TextError

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


class TestReadLines:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", []),
            (b"\n", [""]),
            (b"a\nb", ["a", "b"]),
            (b"a\r\nb\r\n\r\nc\r", ["a", "b", "", "c"]),
            (b"a\rb\r\r\n", ["a", "b", ""]),
            ("a\u2028b\x0b\x85c\n".encode(), ["a\u2028b\x0b\x85c"]),
            (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
            (b"\xef\xbb\xbf", []),
        ],
    )
    def test_ends_of_lines_and_byte_order_mark(self, tmp_path, content, expected):
        assert lines_of(tmp_path / "t.txt", content) == expected

    def test_lines_across_blocks(self, tmp_path):
        # Lines of all lengths around the block size, with a character of three bytes everywhere.
        expected = ["中" * length for length in (100_000, 0, 500_000, 1, 87_381, 87_382, 3)] * 3
        assert lines_of(tmp_path / "t.txt", "\n".join(expected).encode()) == expected

    @pytest.mark.parametrize("suffix", COMPRESS)
    @pytest.mark.parametrize("size", [10, 2_000_000])
    def test_bytes_add_up_to_the_size(self, tmp_path, suffix, size):
        path = tmp_path / f"t{suffix}"
        path.write_bytes(COMPRESS[suffix](os.urandom(size).hex().encode() + b"\nend"))
        reported: list[int] = []
        for _ in read_lines(str(path), reported.append):
            pass
        assert sum(reported) == path.stat().st_size == total_bytes([str(path)])
        assert len(reported) <= sum(reported) // (1 << 20) + 1

    def test_bytes_are_reported_along_the_way(self, tmp_path):
        path = tmp_path / "t.txt"
        path.write_bytes(b"a line of text\n" * 400_000)
        reported: list[int] = []
        lines = read_lines(str(path), reported.append)
        for _ in range(200_000):
            next(lines)
        assert 1 << 20 <= sum(reported) <= path.stat().st_size / 2

    def test_pipe(self, tmp_path):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(b"a\nb\n",))
        writer.start()
        reported: list[int] = []
        (file,) = find_texts([str(path)])
        assert file.path == str(path)
        assert list(read_lines(str(path), reported.append)) == ["a", "b"]
        writer.join()
        assert sum(reported) == 0

    def test_not_utf8_names_line_and_column(self, tmp_path):
        good = "größer\n" * 100_000
        message = r"t\.txt:100003: not valid UTF-8 \(byte 0xe4 at column 4\): convert with iconv"
        with pytest.raises(TextError, match=message):
            lines_of(tmp_path / "t.txt", f"{good}\nx\n".encode() + "für".encode() + b"\xe4\nx\n")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                "a b\n".encode("utf-16"),
                "t.txt:1: not valid UTF-8 (byte 0xff at column 1): convert with iconv -f UTF-16",
            ),
            (
                gzip.compress(b"a\n", mtime=0),
                "byte 0x8b at column 2): the file is gzip-compressed: add the suffix .gz to its name",
            ),
            (zstandard.compress(b"a\n"), "the file is zstd-compressed"),
        ],
    )
    def test_what_is_no_text_gets_a_hint(self, tmp_path, content, message):
        with pytest.raises(TextError, match=re.escape(message)):
            lines_of(tmp_path / "t.txt", content)

    def test_missing_file(self, tmp_path):
        for call in (lambda path: list(read_lines(path)), lambda path: total_bytes([path])):
            with pytest.raises(TextError, match=r"no\.txt: cannot read: No such file"):
                call(str(tmp_path / "no.txt"))

    def test_directory(self, tmp_path):
        with pytest.raises(TextError, match="cannot read: Is a directory"):
            list(read_lines(str(tmp_path)))

    def test_no_permission(self, tmp_path, monkeypatch):
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)  # root may read everything
        with pytest.raises(TextError, match=r"t\.txt: cannot read: Permission denied"):
            list(read_lines(str(tmp_path / "t.txt")))

    def test_memory_does_not_grow_with_the_file(self, tmp_path):
        path = tmp_path / "t.txt.gz"
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
            for _ in range(20):
                file.write((b"some text " * 20 + b"\n") * 5_000)  # 20 MB in all
        path.write_bytes(buffer.getvalue())
        tracemalloc.start()
        try:
            for _ in read_lines(str(path)):
                pass
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()


class TestTotalBytes:
    def test_sizes_of_found_files_are_not_asked_for_again(self, tmp_path):
        (tmp_path / "t.txt").write_text("four")
        files = find_texts(tmp_path)
        (tmp_path / "t.txt").unlink()
        assert total_bytes(files) == 4

    def test_paths_of_all_kinds(self, tmp_path):
        path = tmp_path / "t.txt"
        path.write_text("four")
        assert total_bytes([path, str(path), *find_texts(path)]) == 12


@pytest.mark.parametrize("read", [read_lines, read_sentences])
def test_paths_of_all_kinds_are_read(tmp_path, read):
    path = tmp_path / "t.txt"
    path.write_text("four words per line\n")
    expected = list(read(str(path)))
    assert list(read(path)) == expected
    assert list(read(find_texts(path)[0])) == expected


def test_the_error_for_text_without_tokens_names_the_first_files():
    assert str(no_token_error(["a", Path("b")])).startswith("the text contains no tokens (a, b): expected")
    assert "(0, 1, 2 and 2 more)" in str(no_token_error(list("01234")))
    assert "(no files)" in str(no_token_error([]))


@pytest.mark.parametrize(("word", "expected"), [("naïve", 1), ("", 1), ("a\0", 0), ("\ud83d", 0)])
def test_words_that_a_text_file_can_contain(word, expected):
    assert is_storable(word) == expected


class TestReadSentences:
    def read(self, tmp_path: Path, content: str) -> list[list[str]]:
        path = tmp_path / "t.txt"
        path.write_text(content, encoding="utf-8", newline="")
        return list(read_sentences(str(path)))

    def test_tokens_and_blank_lines(self, tmp_path):
        assert self.read(tmp_path, "the  cat\t.\n\n \t\r\ncat\n") == [["the", "cat", "."], [], [], ["cat"]]

    @pytest.mark.parametrize("marker", ["<S>", "</S>"])
    def test_sentence_marker_is_refused(self, tmp_path, marker):
        with pytest.raises(TextError, match=rf"t\.txt:3: token 2 is {marker}, .* remove"):
            self.read(tmp_path, f"a\n\nb {marker} c\n")

    def test_what_only_looks_like_a_marker_is_a_token(self, tmp_path):
        assert self.read(tmp_path, "<s> <S>x CSS> <UNK>\n") == [["<s>", "<S>x", "CSS>", "<UNK>"]]

    def test_nul_is_refused(self, tmp_path):
        with pytest.raises(TextError, match=r"t\.txt:2: NUL character.*binary or UTF-16"):
            self.read(tmp_path, "a\nb\0c\n")

    def test_utf16_without_byte_order_mark_is_refused(self, tmp_path):
        path = tmp_path / "t.txt"
        path.write_bytes("a b\n".encode("utf-16-le"))
        with pytest.raises(TextError, match=r"t\.txt:1: NUL character"):
            list(read_sentences(str(path)))


@pytest.mark.parametrize("block", [1, 2, 3, 1 << 18])
@pytest.mark.parametrize("content", [b"a\rb\rc", b"a\r\nb\r\nc\r\n", b"\r\r\n\n\rx\r", b"a\n\rb\r\n\r\n"])
def test_lines_end_as_in_text_files_of_python(content, block, tmp_path, monkeypatch):
    monkeypatch.setattr(read_module, "_BLOCK_BYTES", block)
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with path.open(encoding="utf-8") as file:
        expected = [line.removesuffix("\n") for line in file]
    assert list(read_lines(path)) == expected

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import sys
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import fsspec
import pytest
import zstandard

from elmokit.data.find import find_texts
from elmokit.data.read import read_lines, read_sentences, total_bytes
from elmokit.errors import MissingExtraError, TextError

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


class TestFindTexts:
    def test_glob_is_sorted(self, tree):
        assert find_texts(["*.txt"]) == ["a.txt", "b.txt"]

    def test_one_of_them_needs_no_list(self, tree):
        assert find_texts("*.txt") == ["a.txt", "b.txt"]
        assert find_texts(Path("a.txt")) == find_texts([Path("a.txt")]) == ["a.txt"]

    def test_double_star_goes_through_all_levels(self, tree):
        assert find_texts(["**/*.txt*"]) == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt.gz"]

    def test_glob_takes_only_files(self, tree):
        assert find_texts(["*"]) == ["a.txt", "b.txt"]

    def test_directory_is_all_its_files_but_hidden_ones(self, tree):
        expected = [str(tree / name) for name in ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt.gz"]]
        assert find_texts([str(tree)]) == expected

    def test_each_file_once_however_it_is_spelled(self, tree):
        assert find_texts(["a.txt", "*.txt", "./a.txt", str(tree / "a.txt")]) == ["a.txt", "b.txt"]

    def test_existing_path_with_glob_characters_is_literal(self, tree):
        (tree / "x[1]*.txt").write_text("x\n")
        (tree / "x1.txt").write_text("x\n")
        assert find_texts(["x[1]*.txt"]) == ["x[1]*.txt"]
        (tree / "x[1]*.txt").unlink()
        assert find_texts(["x[1]*.txt"]) == ["x1.txt"]

    def test_quoted_tilde_is_the_home_directory(self, tree, monkeypatch):
        monkeypatch.setenv("HOME", str(tree / "sub"))
        assert find_texts(["~/*.txt"]) == [str(tree / "sub/c.txt")]

    def test_no_match_names_pattern_and_current_directory(self, tree):
        with pytest.raises(TextError, match=re.escape(f"nothing/*.txt (in {tree}): no such file")):
            find_texts(["a.txt", "nothing/*.txt"])

    def test_no_match_of_an_absolute_path(self):
        with pytest.raises(TextError, match=r"^/nowhere/x\.txt: no such file"):
            find_texts(["/nowhere/x.txt"])

    def test_directory_without_files(self, tree):
        (tree / "empty").mkdir()
        with pytest.raises(TextError, match=r"empty .*the directory holds no file"):
            find_texts(["empty"])

    def test_urls(self, memory_files):
        a, b, c = "memory:///texts/a.txt", "memory:///texts/b.txt", "memory:///texts/sub/c.txt"
        assert find_texts(["memory://texts/*.txt", "memory://texts/a.txt"])[-2:] == [a, b]
        assert find_texts(["memory://texts"]) == [a, b, c]
        assert find_texts(["memory://texts/**/c.txt"]) == [c]
        assert list(read_lines(a)) == ["in memory"]
        assert total_bytes([a, b]) == 20

    def test_url_that_matches_nothing(self, memory_files):
        with pytest.raises(TextError, match=r"^memory://texts/\*\.csv: no such file"):
            find_texts(["memory://texts/*.csv"])

    def test_unknown_protocol(self):
        with pytest.raises(TextError, match="nope://x/y: cannot open: Protocol not known: nope"):
            find_texts(["nope://x/y"])

    @pytest.mark.parametrize(
        ("url", "module", "extra"),
        [("s3://bucket/x.txt", "s3fs", "s3"), ("https://host/x.txt", "aiohttp", "http")],
    )
    def test_missing_package_names_the_extra(self, url, module, extra, monkeypatch):
        monkeypatch.setitem(sys.modules, module, None)
        for cached in ("fsspec.implementations.http", "fsspec.implementations.http_sync"):
            monkeypatch.delitem(sys.modules, cached, raising=False)
        for call in (lambda: find_texts([url]), lambda: list(read_lines(url)), lambda: total_bytes([url])):
            with pytest.raises(MissingExtraError, match=rf"reading {url} needs .*elmokit\[{extra}\]"):
                call()


class TestReadLines:
    @pytest.mark.parametrize("suffix", COMPRESS)
    def test_every_compression(self, tmp_path, suffix):
        content = "ein Satz .\n\nnaïve 中文\n".encode()
        assert lines_of(tmp_path / f"t{suffix}", COMPRESS[suffix](content)) == [
            "ein Satz .",
            "",
            "naïve 中文",
        ]

    @pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
    def test_several_compressed_streams_in_one_file(self, tmp_path, suffix):
        content = COMPRESS[suffix](b"one\ntw") + COMPRESS[suffix](b"o\n")
        assert lines_of(tmp_path / f"t{suffix}", content) == ["one", "two"]

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", []),
            (b"\n", [""]),
            (b"a\nb", ["a", "b"]),
            (b"a\r\nb\r\n\r\nc\r", ["a", "b", "", "c"]),
            (b"a\rb\r\r\n", ["a\rb\r"]),
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
        told: list[int] = []
        for _ in read_lines(str(path), told.append):
            pass
        assert sum(told) == path.stat().st_size == total_bytes([str(path)])
        assert len(told) <= sum(told) // (1 << 20) + 1

    def test_bytes_are_told_on_the_way(self, tmp_path):
        path = tmp_path / "t.txt"
        path.write_bytes(b"a line of text\n" * 400_000)
        told: list[int] = []
        lines = read_lines(str(path), told.append)
        for _ in range(200_000):
            next(lines)
        assert 1 << 20 <= sum(told) <= path.stat().st_size / 2

    def test_pipe(self, tmp_path):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(b"a\nb\n",))
        writer.start()
        told: list[int] = []
        assert find_texts([str(path)]) == [str(path)]
        assert list(read_lines(str(path), told.append)) == ["a", "b"]
        writer.join()
        assert sum(told) == 0

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
            (gzip.compress(b"a\n"), "byte 0x8b at column 2): it is gzip-compressed: give it the suffix .gz"),
            (zstandard.compress(b"a\n"), "it is zstd-compressed"),
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

    @pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
    def test_truncated(self, tmp_path, suffix):
        noise = b"".join(os.urandom(40).hex().encode() + b"\n" for _ in range(25_000))
        whole = COMPRESS[suffix](noise)
        message = rf"t{re.escape(suffix)}: cannot read on after line \d{{2,}}: .*is the file whole"
        with pytest.raises(TextError, match=message):
            lines_of(tmp_path / f"t{suffix}", whole[: len(whole) * 3 // 4])

    @pytest.mark.parametrize("suffix", [".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst"])
    @pytest.mark.parametrize("content", [b"", b"no compressed text\n", b"\0" * 100])
    def test_not_compressed_at_all(self, tmp_path, suffix, content):
        with pytest.raises(TextError, match=rf"t{re.escape(suffix)}: .*copy or download it again"):
            lines_of(tmp_path / f"t{suffix}", content)

    def test_zstd_without_its_package(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "zstandard", None)
        with pytest.raises(MissingExtraError, match=r"t\.zst needs .*elmokit\[zstd\]"):
            lines_of(tmp_path / "t.zst", zstandard.compress(b"a\n"))

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

"""Texts in parts, and that work on parts gives what work on the whole gives."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from elmokit.data import sharding, text_parts
from elmokit.data.find import find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import read_sentence_blocks, read_sentences
from elmokit.data.sharding import write_shards
from elmokit.data.text_parts import divide, read_parts
from elmokit.data.word_counts import count_words
from elmokit.data.write_corpus import join_corpora
from elmokit.errors import CorpusError, TextError


@pytest.fixture
def texts(tmp_path, monkeypatch) -> list[Path]:
    """A large file, a compressed one, and small ones, with parts of a hundred bytes."""
    monkeypatch.setattr(text_parts, "PART_BYTES", 100)
    rng = random.Random(0)

    def lines(number: int) -> str:
        made = (
            " ".join(rng.choices(["the", "cat", "saß", "我", "喜欢", "<UNK>", "x"], k=rng.randint(0, 9)))
            for _ in range(number)
        )
        return "\n".join(made)

    (tmp_path / "text").mkdir()
    paths = [tmp_path / "text" / name for name in ("a.txt", "b.txt.gz", "c.txt", "d.txt", "e.txt")]
    paths[0].write_text("\ufeff" + lines(60), encoding="utf-8")  # without a last line end
    paths[1].write_bytes(gzip.compress(lines(40).encode()))
    for path in paths[2:]:
        path.write_bytes((lines(2) + "\r\n").encode())
    return paths


def test_parts_are_the_text_in_its_order(texts):
    parts = divide(texts)
    assert len(parts) > 5
    assert all(sum(piece.size for piece in part) <= 200 or len(part) == 1 for part in parts)
    assert any(len(part) > 1 for part in parts)  # small files together
    found = [
        sentence for block in read_parts(piece for part in parts for piece in part) for sentence in block
    ]
    assert found == [sentence for path in texts for sentence in read_sentences(path)]
    assert sum(piece.size for part in parts for piece in part) == sum(path.stat().st_size for path in texts)


def test_a_part_ends_with_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(text_parts, "PART_BYTES", 4)
    monkeypatch.setattr(text_parts, "_LINE_BYTES", 2)
    (tmp_path / "t.txt").write_bytes(b"abc\nabcdefghijk\n\nx\r\ny z")
    pieces = [piece for part in divide([tmp_path / "t.txt"]) for piece in part]
    blocks = [list(read_sentence_blocks(piece.path, span=piece.span)) for piece in pieces]
    assert blocks == [[[["abc"], ["abcdefghijk"]]], [[[], ["x"]], [["y", "z"]]]]


@pytest.mark.slow
def test_several_processes_give_the_same(texts, tmp_path):
    """Part by part in this process would not show what cannot be pickled."""
    one, two = count_words(texts), count_words(texts, num_processes=2)
    assert list(one.counts.items()) == list(two.counts.items())
    assert (one.num_tokens, one.num_sentences, one.num_blank_lines) == (
        two.num_tokens,
        two.num_sentences,
        two.num_blank_lines,
    )
    seen: list[int] = []
    directories = []
    for number in (1, 2):
        prepare_corpus(texts, cache_dir=tmp_path / str(number), num_processes=number, on_bytes=seen.append)
        directories += (tmp_path / str(number)).iterdir()
    first, second = (
        {path.name: path.read_bytes() for path in directory.iterdir()} for directory in directories
    )
    assert first == second
    assert sum(seen) == 2 * sum(path.stat().st_size for path in texts)


def test_an_error_in_a_part_has_the_line_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(text_parts, "PART_BYTES", 64)
    (tmp_path / "t.txt").write_bytes(b"some words here\n" * 20 + b"caf\xe9\n")
    with pytest.raises(TextError, match=r"t.txt:21: not valid UTF-8"):
        list(text_parts.map_parts(_read, divide([tmp_path / "t.txt"]), 1))


def _read(pieces):
    return list(read_parts(pieces))


def test_joined_corpora_are_the_corpus_of_all_texts(texts, tmp_path):
    whole = prepare_corpus(texts, cache_dir=tmp_path / "whole")
    parts = []
    for name, paths in (("first", texts[:1]), ("second", texts[1:3]), ("third", texts[3:])):
        prepare_corpus(paths, cache_dir=tmp_path / name)
        parts += (tmp_path / name).iterdir()
    join_corpora(parts, tmp_path / "joined")
    joined = find_texts(tmp_path / "joined")
    corpus = prepare_corpus(joined, cache_dir=tmp_path / "unused")
    assert not (tmp_path / "unused").exists()
    assert corpus.fingerprint == whole.fingerprint
    assert (corpus.sources, corpus.first_lines) == (whole.sources, whole.first_lines)
    (directory,) = (tmp_path / "whole").iterdir()
    for name in ("tokens.u32", "offsets.i64", "spellings.bytes", "spelling_offsets.i64", "counts.i64"):
        assert (directory / name).read_bytes() == (tmp_path / "joined" / name).read_bytes()


def test_corpora_that_cannot_be_joined(texts, tmp_path):
    prepare_corpus(texts[:1], cache_dir=tmp_path / "first")
    (directory,) = (tmp_path / "first").iterdir()
    with pytest.raises(CorpusError, match=r"a.txt: in two of the corpora"):
        join_corpora([directory, directory], tmp_path / "joined")
    with pytest.raises(CorpusError, match=r"text: damaged prepared corpus"):
        join_corpora([tmp_path / "text"], tmp_path / "joined")
    content = bytearray((directory / "tokens.u32").read_bytes())
    content[0] ^= 1
    (directory / "tokens.u32").write_bytes(content)
    with pytest.raises(CorpusError, match=r"wrong checksum of tokens.u32"):
        join_corpora([directory], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_shards_are_compressed_in_several_processes(texts, tmp_path, monkeypatch, compression):
    if compression == "zst":
        pytest.importorskip("zstandard")
    monkeypatch.setattr(sharding, "_ENOUGH_BYTES", 0)
    one = write_shards(texts, tmp_path / "one", num_shards=2, compression=compression)
    two = write_shards(texts, tmp_path / "two", num_shards=2, compression=compression, num_processes=2)
    assert one.num_heldout_tokens == two.num_heldout_tokens > 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()

"""A random split of texts into training shards and heldout text, in bounded memory.

Lines are scattered at random into buckets on the disk, each bucket is shuffled in memory, and the
buckets one after the other are the shuffled text. The heldout sentences are its beginning.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

from elmokit.data.read import read_sentences, total_bytes
from elmokit.data.vocabulary import no_token_error
from elmokit.errors import ConfigError, MissingExtraError, OutputError, TextError
from elmokit.files import atomic

Compression = Literal["none", "gz", "bz2", "xz", "zst"]

MAX_BUCKET_BYTES = 1 << 26  # of a bucket in memory, its list of lines included
_LINE_OVERHEAD_BYTES = 48  # what Python keeps beside the text of a line
_MAX_OPEN_BUCKETS = 128  # at a time; larger buckets are scattered once more
_ASSUMED_EXPANSION = 4  # of compressed text
_REPORT_SENTENCES = 1 << 14  # between two calls of on_written


@dataclass(frozen=True)
class ShardSummary:
    """What :func:`write_shards` read and wrote; the heldout counts are part of the totals."""

    num_sentences: int
    num_tokens: int
    num_blank_lines: int
    num_heldout_sentences: int
    num_heldout_tokens: int
    train_files: tuple[Path, ...]
    heldout_files: tuple[Path, ...]


@dataclass
class _Bucket:
    path: Path
    num_lines: int = 0
    num_bytes: int = 0


@dataclass
class _Tally:
    sentences: int = 0
    tokens: int = 0
    blank_lines: int = 0


def write_shards(
    paths: Sequence[str],
    output_dir: Path,
    *,
    num_shards: int = 10,
    heldout_fraction: float = 0.01,
    seed: int = 0,
    compression: Compression = "gz",
    on_bytes: Callable[[int], None] | None = None,
    on_written: Callable[[int, int], None] | None = None,
) -> ShardSummary:
    """Shuffle sentences over all files and write them as training shards and heldout text.

    The same input, options and seed give the same bytes. Blank lines are left out. Shards differ by
    one sentence at most; where there are fewer sentences than shards, fewer shards are written.

    Args:
        paths: Files as :func:`elmokit.data.read.find_texts` returns them.
        output_dir: A new or empty directory; it appears with all its files or not at all. Temporary
            files beside it take as much room as the text does uncompressed.
        num_shards: How many ``train-00000.txt`` files to write.
        heldout_fraction: The share of sentences that go to ``heldout-00000.txt`` instead, at least
            one sentence; 0 for none.
        seed: Of the shuffle.
        compression: The suffix of the files, or "none".
        on_bytes: Told now and then how many further bytes were read.
        on_written: Told now and then how many sentences of how many are written.

    Raises:
        ConfigError: when ``num_shards`` or ``heldout_fraction`` is out of its range.
        OutputError: when ``output_dir`` already holds something or cannot be written.
        TextError: when a text cannot be read, or there are too few sentences to split.
        MissingExtraError: when the compression needs a package that is not installed.
    """
    if num_shards < 1:
        raise ConfigError(f"num_shards is {num_shards}, expected at least 1")
    if not 0 <= heldout_fraction < 1:
        raise ConfigError(f"heldout_fraction is {heldout_fraction}, expected at least 0 and below 1")
    _check_output(output_dir)
    compressor = _compressor(compression)
    rng = random.Random(seed)
    with atomic.new_directory(output_dir.resolve()) as directory:
        tally = _Tally()
        bucket_dir = directory / "buckets"
        bucket_dir.mkdir()
        buckets = _scatter(
            _read_lines(paths, tally, on_bytes), bucket_dir, _num_buckets(_expected_bytes(paths)), rng
        )
        if not tally.sentences:
            raise no_token_error(paths)
        num_heldout = _num_heldout(tally.sentences, heldout_fraction)
        lines = _shuffled(buckets, rng)
        if on_written is not None:
            lines = _reporting(lines, tally.sentences, on_written)
        suffix = ".txt" if compression == "none" else f".txt.{compression}"
        heldout_names = [f"heldout-00000{suffix}"] if num_heldout else []
        num_heldout_tokens = 0
        for name in heldout_names:
            num_heldout_tokens = _write(directory / name, islice(lines, num_heldout), compressor)
        num_train = tally.sentences - num_heldout
        num_shards = min(num_shards, num_train)
        train_names = [f"train-{shard:05d}{suffix}" for shard in range(num_shards)]
        for shard, name in enumerate(train_names):
            size = (shard + 1) * num_train // num_shards - shard * num_train // num_shards
            _write(directory / name, islice(lines, size), compressor)
        shutil.rmtree(bucket_dir)  # empty buckets
    return ShardSummary(
        num_sentences=tally.sentences,
        num_tokens=tally.tokens,
        num_blank_lines=tally.blank_lines,
        num_heldout_sentences=num_heldout,
        num_heldout_tokens=num_heldout_tokens,
        train_files=tuple(output_dir / name for name in train_names),
        heldout_files=tuple(output_dir / name for name in heldout_names),
    )


def _check_output(output_dir: Path) -> None:
    try:
        present = min((path.name for path in output_dir.iterdir()), default=None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise atomic.output_error(output_dir, error) from error
    if present is not None:
        raise OutputError(
            f"{output_dir}: already holds files ({present}), expected a new or empty directory: "
            "give another one or remove it first"
        )


def _num_heldout(num_sentences: int, fraction: float) -> int:
    if not fraction:
        return 0
    if num_sentences == 1:
        raise TextError(
            "the text has 1 sentence, expected at least 2 to hold one out: "
            "give more text or a heldout fraction of 0"
        )
    return min(max(1, round(num_sentences * fraction)), num_sentences - 1)


def _expected_bytes(paths: Sequence[str]) -> int:
    compressed = [path for path in paths if path.lower().endswith((".gz", ".bz2", ".xz", ".zst"))]
    return total_bytes(paths) + (_ASSUMED_EXPANSION - 1) * total_bytes(compressed)


def _num_buckets(num_bytes: int) -> int:
    # Half full on average, so that a bucket rarely has to be scattered once more.
    return min(max(1, math.ceil(2 * num_bytes / MAX_BUCKET_BYTES)), _MAX_OPEN_BUCKETS)


def _read_lines(
    paths: Sequence[str], tally: _Tally, on_bytes: Callable[[int], None] | None
) -> Iterator[bytes]:
    """The sentences as they will be written; counts them in ``tally``."""
    for path in paths:
        for tokens in read_sentences(path, on_bytes):
            if tokens:
                tally.sentences += 1
                tally.tokens += len(tokens)
                yield (" ".join(tokens) + "\n").encode()
            else:
                tally.blank_lines += 1


def _scatter(lines: Iterator[bytes], directory: Path, num_buckets: int, rng: random.Random) -> list[_Bucket]:
    buckets = [_Bucket(directory / f"{index:03d}") for index in range(num_buckets)]
    with ExitStack() as stack:
        files = [stack.enter_context(bucket.path.open("wb")) for bucket in buckets]
        for line in lines:
            index = int(rng.random() * num_buckets)
            files[index].write(line)
            bucket = buckets[index]
            bucket.num_lines += 1
            bucket.num_bytes += len(line) + _LINE_OVERHEAD_BYTES
    return buckets


def _shuffled(buckets: list[_Bucket], rng: random.Random) -> Iterator[bytes]:
    """All lines of the buckets in random order; frees their room on the disk on the way."""
    for bucket in buckets:
        if bucket.num_bytes > MAX_BUCKET_BYTES and bucket.num_lines > 1:
            parts_dir = bucket.path.with_suffix(".parts")
            parts_dir.mkdir()
            with bucket.path.open("rb") as file:
                parts = _scatter(file, parts_dir, max(2, _num_buckets(bucket.num_bytes)), rng)
            bucket.path.unlink()
            yield from _shuffled(parts, rng)
        else:
            lines = bucket.path.read_bytes().splitlines(keepends=True)
            bucket.path.unlink()
            rng.shuffle(lines)
            yield from lines


def _reporting(lines: Iterator[bytes], total: int, on_written: Callable[[int, int], None]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        if number % _REPORT_SENTENCES == 0 or number == total:
            on_written(number, total)
        yield line


def _write(path: Path, lines: Iterator[bytes], compressor: Callable[[IO[bytes]], Any]) -> int:
    """Write the lines to a new file and count their tokens."""
    num_tokens = 0
    with path.open("wb") as raw, compressor(raw) as file:
        for line in lines:
            file.write(line)
            num_tokens += line.count(b" ") + 1
    return num_tokens


def _compressor(compression: Compression) -> Callable[[IO[bytes]], Any]:
    """What makes a compressing file, as a context, of an open binary file."""
    match compression:
        case "gz":
            # Neither name nor time in the header: the same text gives the same bytes.
            return lambda raw: gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0)
        case "bz2":
            return lambda raw: bz2.BZ2File(raw, "wb")
        case "xz":
            return lambda raw: lzma.LZMAFile(raw, "wb", preset=3)
        case "zst":
            try:
                import zstandard
            except ImportError as error:
                raise MissingExtraError("writing .zst files", "zstd") from error
            return lambda raw: zstandard.ZstdCompressor().stream_writer(raw)
        case "none":
            return _uncompressed


@contextmanager
def _uncompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    yield raw

"""Divide texts at random into training shards and heldout text, in bounded memory.

The texts are shuffled as a whole. The heldout sentences are the beginning of the shuffled text.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from elmokit.data.compression import COMPRESSED_SUFFIXES, Compression, compressor
from elmokit.data.external_shuffle import ExternalShuffle
from elmokit.data.read import no_token_error, read_sentences, total_bytes
from elmokit.errors import ConfigError, OutputError, TextError
from elmokit.files import atomic
from elmokit.processes import ordered_map

_ASSUMED_EXPANSION = 4  # of compressed text
_COPY_BYTES = 1 << 20
_ENOUGH_BYTES = 1 << 25  # of text, for which it pays to start processes
_REPORT_SENTENCES = 1 << 14  # between two calls of on_written


@dataclass(frozen=True)
class ShardSummary:
    """What :func:`write_shards` read and wrote; the totals include the heldout text."""

    num_sentences: int
    num_tokens: int
    num_blank_lines: int
    num_heldout_sentences: int
    num_heldout_tokens: int
    train_files: tuple[Path, ...]
    heldout_files: tuple[Path, ...]


@dataclass
class _Tally:
    sentences: int = 0
    tokens: int = 0
    blank_lines: int = 0


def write_shards(
    paths: Sequence[str | os.PathLike[str]],
    output_dir: Path,
    *,
    num_shards: int = 10,
    heldout_fraction: float = 0.01,
    seed: int = 0,
    compression: Compression = "gz",
    max_bucket_bytes: int = 1 << 26,
    num_processes: int = 1,
    on_bytes: Callable[[int], None] | None = None,
    on_written: Callable[[int, int], None] | None = None,
) -> ShardSummary:
    """Shuffle the sentences of all files together and write them as training shards and heldout text.

    The same input, options and seed give the same bytes. Blank lines are left out. The sizes of the shards
    differ by one sentence at most; if there are fewer sentences than shards, fewer shards are written.

    Args:
        paths: Files, for example from :func:`elmokit.data.find.find_texts`.
        output_dir: A new or empty directory; it is written completely or not at all. Temporary files beside
            it take as much room as the uncompressed text.
        num_shards: Number of files ``train-00000.txt``, ``train-00001.txt``, ... to write.
        heldout_fraction: Share of the sentences to write to ``heldout-00000.txt`` instead, at least one
            sentence; 0 for none.
        seed: Seed of the shuffle.
        compression: Suffix of the files, or "none".
        max_bucket_bytes: Approximate memory for the shuffle, in bytes.
        num_processes: Number of processes that compress shards, which takes longer than all the rest; the
            bytes are the same. See :mod:`elmokit.processes` on scripts.
        on_bytes: Called at intervals with the number of bytes read since the last call.
        on_written: Called at intervals with the number of sentences written and the number of all sentences.

    Raises:
        ConfigError: If ``num_shards`` or ``heldout_fraction`` is out of range.
        OutputError: If ``output_dir`` is not empty or cannot be written.
        TextError: If a text cannot be read, or there are too few sentences.
        MissingExtraError: If the compression needs a package that is not installed.
    """
    if num_shards < 1:
        raise ConfigError(f"num_shards is {num_shards}, expected at least 1")
    if not 0 <= heldout_fraction < 1:
        raise ConfigError(f"heldout_fraction is {heldout_fraction}, expected at least 0 and below 1")
    _check_output(output_dir)
    compressor(compression)  # the package it needs is looked for before the text is read
    with atomic.new_directory(output_dir.resolve()) as directory:
        tally = _Tally()
        num_bytes, free = total_bytes(paths), shutil.disk_usage(directory).free
        if num_bytes > free:
            raise OutputError(f"{output_dir}: the text has {num_bytes:,} bytes, but only {free:,} are free")
        bucket_dir = directory / "buckets"
        bucket_dir.mkdir()
        shuffle = ExternalShuffle(bucket_dir, random.Random(seed), max_bucket_bytes=max_bucket_bytes)
        shuffle.scatter(_read_lines(paths, tally, on_bytes), _expected_bytes(paths))
        if not tally.sentences:
            raise no_token_error(paths)
        lines = shuffle.shuffled()
        if on_written is not None:
            lines = _reporting(lines, tally.sentences, on_written)
        suffix = ".txt" if compression == "none" else f".txt.{compression}"
        num_heldout = _num_heldout(tally.sentences, heldout_fraction)
        heldout_names = [f"heldout-00000{suffix}"] if num_heldout else []
        num_train = tally.sentences - num_heldout
        num_shards = min(num_shards, num_train)
        train_names = [f"train-{shard:05d}{suffix}" for shard in range(num_shards)]
        sizes = [(k + 1) * num_train // num_shards - k * num_train // num_shards for k in range(num_shards)]
        outputs = [directory / name for name in (*heldout_names, *train_names)]
        plain = _write_plain(zip(outputs, [num_heldout][: len(heldout_names)] + sizes, strict=True), lines)
        if _expected_bytes(paths) < _ENOUGH_BYTES:
            num_processes = 1
        tokens = ordered_map(partial(_compress, compression), plain, min(num_processes, len(outputs)))
        num_heldout_tokens = sum(list(tokens)[: len(heldout_names)])
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
            f"{output_dir}: not empty (contains {present}), expected a new or empty directory: "
            "choose another one or delete it first"
        )


def _num_heldout(num_sentences: int, fraction: float) -> int:
    if not fraction:
        return 0
    if num_sentences == 1:
        raise TextError(
            "the text has 1 sentence, expected at least 2 to hold one out: "
            "add text or set the heldout fraction to 0"
        )
    return min(max(1, round(num_sentences * fraction)), num_sentences - 1)


def _expected_bytes(paths: Sequence[str | os.PathLike[str]]) -> int:
    compressed = [path for path in paths if os.fspath(path).lower().endswith(COMPRESSED_SUFFIXES)]
    return total_bytes(paths) + (_ASSUMED_EXPANSION - 1) * total_bytes(compressed)


def _read_lines(
    paths: Sequence[str | os.PathLike[str]], tally: _Tally, on_bytes: Callable[[int], None] | None
) -> Iterator[bytes]:
    """Yield the sentences as they will be written, and count them in ``tally``."""
    for path in paths:
        for tokens in read_sentences(path, on_bytes):
            if tokens:
                tally.sentences += 1
                tally.tokens += len(tokens)
                yield (" ".join(tokens) + "\n").encode()
            else:
                tally.blank_lines += 1


def _reporting(lines: Iterator[bytes], total: int, on_written: Callable[[int, int], None]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        if number % _REPORT_SENTENCES == 0 or number == total:
            on_written(number, total)
        yield line


def _write_plain(files: Iterable[tuple[Path, int]], lines: Iterator[bytes]) -> Iterator[tuple[Path, int]]:
    """Write files with the given numbers of lines, and yield each with the number of its tokens."""
    for path, num_lines in files:
        num_tokens = 0
        with path.open("wb") as file:
            for line in islice(lines, num_lines):
                file.write(line)
                num_tokens += line.count(b" ") + 1
        yield path, num_tokens


def _compress(compression: Compression, file: tuple[Path, int]) -> int:
    """Compress a file in its place, and return the number of its tokens."""
    path, num_tokens = file
    if compression != "none":
        plain = path.with_suffix(".plain")
        path.rename(plain)
        with plain.open("rb") as source, path.open("wb") as raw, compressor(compression)(raw) as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)
        plain.unlink()
    return num_tokens

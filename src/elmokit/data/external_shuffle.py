"""Shuffle more lines than fit into memory.

Lines are scattered at random into buckets on disk, and each bucket is shuffled in memory. The buckets, one
after the other, are the shuffled text. A bucket that is too large for memory is scattered once more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

_LINE_OVERHEAD_BYTES = 48  # what Python keeps in memory besides the text of a line


@dataclass
class _Bucket:
    path: Path
    num_lines: int = 0
    num_bytes: int = 0  # in memory


class ExternalShuffle:
    """A random order of lines, in bounded memory.

    Every order is equally likely; it depends only on the lines, the expected size and the random generator.

    Args:
        directory: Empty directory for the buckets; they take as much room as the lines.
        rng: Random generator.
        max_bucket_bytes: Largest bucket to hold in memory, in bytes, its list of lines included.
        max_open_buckets: Largest number of files to write at a time.
    """

    def __init__(
        self,
        directory: Path,
        rng: random.Random,
        *,
        max_bucket_bytes: int,
        max_open_buckets: int = 128,
    ) -> None:
        self._directory = directory
        self._rng = rng
        self._max_bucket_bytes = max_bucket_bytes
        self._max_open_buckets = max_open_buckets
        self._buckets: list[_Bucket] = []

    def scatter(self, lines: Iterable[bytes], expected_bytes: int) -> None:
        """Write all lines to buckets.

        Args:
            lines: The lines, each with its line end.
            expected_bytes: Approximate size of all lines, which determines the number of buckets.
        """
        self._buckets = self._scatter(lines, self._directory, self._num_buckets(expected_bytes))

    def shuffled(self) -> Iterator[bytes]:
        """Yield the lines in random order, and delete the buckets along the way."""
        return self._shuffled(self._buckets)

    def _num_buckets(self, num_bytes: int) -> int:
        # Half full on average, so that a bucket rarely has to be scattered once more.
        return min(max(1, math.ceil(2 * num_bytes / self._max_bucket_bytes)), self._max_open_buckets)

    def _scatter(self, lines: Iterable[bytes], directory: Path, num_buckets: int) -> list[_Bucket]:
        buckets = [_Bucket(directory / f"{index:03d}") for index in range(num_buckets)]
        with ExitStack() as stack:
            files = [stack.enter_context(bucket.path.open("wb")) for bucket in buckets]
            for line in lines:
                index = int(self._rng.random() * num_buckets)
                files[index].write(line)
                bucket = buckets[index]
                bucket.num_lines += 1
                bucket.num_bytes += len(line) + _LINE_OVERHEAD_BYTES
        return buckets

    def _shuffled(self, buckets: list[_Bucket]) -> Iterator[bytes]:
        for bucket in buckets:
            if bucket.num_bytes > self._max_bucket_bytes and bucket.num_lines > 1:
                parts_dir = bucket.path.with_suffix(".parts")
                parts_dir.mkdir()
                with bucket.path.open("rb") as file:
                    parts = self._scatter(file, parts_dir, max(2, self._num_buckets(bucket.num_bytes)))
                bucket.path.unlink()
                yield from self._shuffled(parts)
            else:
                lines = bucket.path.read_bytes().splitlines(keepends=True)
                bucket.path.unlink()
                self._rng.shuffle(lines)
                yield from lines

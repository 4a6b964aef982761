from __future__ import annotations

import random
from pathlib import Path

import pytest

from elmokit.data.external_shuffle import ExternalShuffle

LINES = [f"line {k}\n".encode() for k in range(500)]
SIZE = sum(map(len, LINES))


def shuffled(directory: Path, *, seed: int = 0, size: int = SIZE, **limits: int) -> list[bytes]:
    directory.mkdir()
    shuffle = ExternalShuffle(directory, random.Random(seed), **{"max_bucket_bytes": 1000, **limits})
    shuffle.scatter(LINES, size)
    lines = list(shuffle.shuffled())
    assert not [path for path in directory.rglob("*") if path.is_file()]
    return lines


@pytest.mark.parametrize("max_bucket_bytes", [1, 100, 1000, 1 << 20])
@pytest.mark.parametrize("max_open_buckets", [1, 3, 128])
def test_every_line_once_in_another_order(tmp_path, max_bucket_bytes, max_open_buckets):
    lines = shuffled(
        tmp_path / "buckets", max_bucket_bytes=max_bucket_bytes, max_open_buckets=max_open_buckets
    )
    assert lines != LINES
    assert sorted(lines) == sorted(LINES)


def test_a_wrong_expected_size_costs_time_alone(tmp_path):
    assert sorted(shuffled(tmp_path / "buckets", size=1)) == sorted(LINES)


def test_the_order_depends_on_the_generator(tmp_path):
    one, again, two = (shuffled(tmp_path / f"{k}", seed=seed) for k, seed in enumerate((1, 1, 2)))
    assert one == again != two


def test_no_more_files_are_open_than_allowed(tmp_path, monkeypatch):
    num_open = []
    open_path = Path.open

    def counting(path: Path, mode: str = "r"):
        if mode == "wb":
            num_open.append(path.parent)
        return open_path(path, mode)

    monkeypatch.setattr(Path, "open", counting)
    shuffled(tmp_path / "buckets", max_open_buckets=5)
    assert max(map(num_open.count, num_open)) == 5


def test_no_lines(tmp_path):
    shuffle = ExternalShuffle(tmp_path, random.Random(0), max_bucket_bytes=10)
    shuffle.scatter([], 0)
    assert list(shuffle.shuffled()) == []

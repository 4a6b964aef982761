from __future__ import annotations

import random
import re
import sys
from collections import Counter
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pytest

from elmokit.data.external_shuffle import ExternalShuffle
from elmokit.data.find import find_texts
from elmokit.data.read import read_lines
from elmokit.data.sharding import ShardSummary, write_shards
from elmokit.errors import ConfigError, MissingExtraError, OutputError, TextError
from elmokit.errors.installation import install_command


def sentences_of(files: tuple[Path, ...]) -> list[str]:
    return [line for file in files for line in read_lines(str(file))]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def texts(tmp_path: Path) -> list[str]:
    """Two files, 1,000 sentences of 3 tokens, each another one, and 2 blank lines."""
    (tmp_path / "a.txt").write_text("".join(f"a{i}  x\ty \n" for i in range(600)) + "\n \n")
    (tmp_path / "b.txt").write_text("".join(f"b{i} x y\r\n" for i in range(400)), newline="")
    return [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]


EXPECTED = sorted([f"a{i} x y" for i in range(600)] + [f"b{i} x y" for i in range(400)])


class TestSplit:
    @pytest.mark.parametrize("compression", ["none", "gz", "bz2", "xz", "zst"])
    def test_every_sentence_once(self, tmp_path, texts, compression):
        output = tmp_path / "new/shards"
        summary = write_shards(texts, output, num_shards=3, heldout_fraction=0.05, compression=compression)
        suffix = "" if compression == "none" else f".{compression}"
        assert summary == ShardSummary(
            num_sentences=1000,
            num_tokens=3000,
            num_blank_lines=2,
            num_heldout_sentences=50,
            num_heldout_tokens=150,
            train_files=tuple(output / f"train-0000{i}.txt{suffix}" for i in range(3)),
            heldout_files=(output / f"heldout-00000.txt{suffix}",),
        )
        assert sorted(path.name for path in output.iterdir()) == sorted(
            path.name for path in summary.train_files + summary.heldout_files
        )
        assert sorted(sentences_of(summary.train_files + summary.heldout_files)) == EXPECTED
        assert [len(sentences_of((file,))) for file in summary.train_files] == [316, 317, 317]
        assert len(sentences_of(summary.heldout_files)) == 50

    def test_sentences_are_mixed_over_files(self, tmp_path, texts):
        summary = write_shards(texts, tmp_path / "out", num_shards=4, heldout_fraction=0.2)
        for file in summary.train_files + summary.heldout_files:
            share = Counter(line[0] for line in sentences_of((file,)))["a"] / 200
            assert 0.45 < share < 0.75

    def test_same_seed_same_bytes(self, tmp_path, texts):
        for name, seed in [("one", 1), ("again", 1), ("two", 2)]:
            write_shards(texts, tmp_path / name, num_shards=2, seed=seed)
        assert contents(tmp_path / "one") == contents(tmp_path / "again")
        assert contents(tmp_path / "one") != contents(tmp_path / "two")

    def test_gzip_header_has_neither_time_nor_name(self, tmp_path, texts):
        summary = write_shards(texts, tmp_path / "out")
        assert summary.train_files[0].read_bytes()[:8] == b"\x1f\x8b\x08" + bytes(5)

    def test_the_order_is_that_of_earlier_versions(self, tmp_path, texts):
        summary = write_shards(texts, tmp_path / "out", num_shards=1, seed=1, compression="none")
        (file,) = summary.train_files
        assert blake2b(file.read_bytes(), digest_size=16).hexdigest() == "6c97b897953f4cf6cef6e06f04787ca3"

    def test_files_found_earlier(self, tmp_path, texts):
        write_shards(texts, tmp_path / "one")
        write_shards(find_texts(texts), tmp_path / "two")
        assert contents(tmp_path / "one") == contents(tmp_path / "two")

    def test_library_leaves_the_global_generator_alone(self, tmp_path, texts):
        random.seed(3)
        state = random.getstate()
        write_shards(texts, tmp_path / "out")
        assert random.getstate() == state

    def test_progress_adds_up(self, tmp_path, texts):
        read: list[int] = []
        written: list[tuple[int, int]] = []
        write_shards(
            texts, tmp_path / "out", on_bytes=read.append, on_written=lambda *args: written.append(args)
        )
        assert sum(read) == sum(Path(path).stat().st_size for path in texts)
        assert written[-1] == (1000, 1000)

    def test_no_heldout_file_for_fraction_zero(self, tmp_path, texts):
        summary = write_shards(texts, tmp_path / "out", heldout_fraction=0, num_shards=1)
        assert summary.heldout_files == ()
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["train-00000.txt.gz"]
        assert sorted(sentences_of(summary.train_files)) == EXPECTED

    def test_at_least_one_sentence_is_held_out(self, tmp_path, texts):
        assert write_shards(texts, tmp_path / "out", heldout_fraction=1e-9).num_heldout_sentences == 1

    def test_at_least_one_sentence_is_for_training(self, tmp_path):
        (tmp_path / "t.txt").write_text("a\nb b\nc\n")
        summary = write_shards([str(tmp_path / "t.txt")], tmp_path / "out", heldout_fraction=0.99)
        assert summary.num_heldout_sentences == 2
        assert len(sentences_of(summary.train_files)) == 1

    def test_fewer_sentences_than_shards(self, tmp_path):
        (tmp_path / "t.txt").write_text("a\nb\nc\n")
        summary = write_shards([str(tmp_path / "t.txt")], tmp_path / "out", num_shards=10)
        assert [len(sentences_of((file,))) for file in summary.train_files] == [1, 1]


class TestMemory:
    @pytest.mark.parametrize("seed", range(5))
    def test_no_bucket_in_memory_is_larger_than_the_limit(self, tmp_path, texts, monkeypatch, seed):
        # Buckets that are scattered again, because few may be open at a time.
        few = partial(ExternalShuffle, max_open_buckets=4)
        monkeypatch.setattr("elmokit.data.sharding.ExternalShuffle", few)
        sizes: list[int] = []
        read_bytes = Path.read_bytes

        def watched(path: Path) -> bytes:
            sizes.append(path.stat().st_size)
            return read_bytes(path)

        monkeypatch.setattr(Path, "read_bytes", watched)
        summary = write_shards(
            texts, tmp_path / "out", heldout_fraction=0.1, num_shards=3, seed=seed, max_bucket_bytes=1000
        )
        assert max(sizes) < 1000
        assert len(sizes) > 60
        train = sentences_of(summary.train_files)
        assert sorted(train + sentences_of(summary.heldout_files)) == EXPECTED
        assert len(list((tmp_path / "out").iterdir())) == 4
        assert train != sorted(train)

    def test_lines_longer_than_a_bucket(self, tmp_path):
        lines = [f"{i} " + "x" * 200 for i in range(20)]
        (tmp_path / "t.txt").write_text("\n".join(lines))
        summary = write_shards(
            [str(tmp_path / "t.txt")], tmp_path / "out", heldout_fraction=0, max_bucket_bytes=100
        )
        assert sorted(sentences_of(summary.train_files)) == sorted(lines)

    def test_every_position_is_equally_likely(self, tmp_path):
        # The first of 8 sentences over 400 seeds, through several buckets: 50 expected at each position.
        (tmp_path / "t.txt").write_text("".join(f"{i}\n" for i in range(8)))
        positions: Counter[int] = Counter()
        for seed in range(400):
            summary = write_shards(
                [str(tmp_path / "t.txt")],
                tmp_path / str(seed),
                heldout_fraction=0,
                num_shards=1,
                seed=seed,
                max_bucket_bytes=120,
            )
            positions[sentences_of(summary.train_files).index("0")] += 1
        chi_square = sum((positions[position] - 50) ** 2 / 50 for position in range(8))
        assert chi_square < 24.3  # p = 0.001


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"num_shards": 0}, "num_shards is 0, expected at least 1"),
            ({"heldout_fraction": 1.0}, r"heldout_fraction is 1\.0, expected at least 0 and below 1"),
            ({"heldout_fraction": -0.1}, "heldout_fraction is -0.1"),
            ({"heldout_fraction": float("nan")}, "heldout_fraction is nan"),
        ],
    )
    def test_options_out_of_range(self, tmp_path, texts, options, message):
        with pytest.raises(ConfigError, match=message):
            write_shards(texts, tmp_path / "out", **options)

    def test_directory_that_is_not_empty(self, tmp_path, texts):
        (tmp_path / "out").mkdir()
        write_shards(texts, tmp_path / "out", num_shards=1)  # an empty one is fine
        before = contents(tmp_path / "out")
        message = r"out: not empty \(contains heldout-00000\.txt\.gz\), expected a new or empty directory"
        with pytest.raises(OutputError, match=message):
            write_shards(texts, tmp_path / "out", num_shards=2)
        assert contents(tmp_path / "out") == before

    def test_output_is_a_file(self, tmp_path, texts):
        with pytest.raises(OutputError, match=r"b\.txt: cannot write: Not a directory"):
            write_shards(texts, tmp_path / "b.txt")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("\n \n", r"the text contains no tokens \(.*t\.txt\)"),
            ("", "the text contains no tokens"),
            ("a\n", "1 sentence, expected at least 2 to hold one out"),
            ("a\nb </S>\n", r"t\.txt:2: token 2 is </S>"),
            ("a\nb\0\n", r"t\.txt:2: NUL"),
        ],
    )
    def test_bad_text_leaves_nothing_behind(self, tmp_path, text, message):
        (tmp_path / "t.txt").write_text(text)
        with pytest.raises(TextError, match=message):
            write_shards([str(tmp_path / "t.txt")], tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]

    def test_zstd_without_its_package(self, tmp_path, texts, monkeypatch):
        monkeypatch.setitem(sys.modules, "zstandard", None)
        with pytest.raises(
            MissingExtraError, match=rf"writing \.zst files needs .*{re.escape(install_command('zstd'))}"
        ):
            write_shards(texts, tmp_path / "out", compression="zst")

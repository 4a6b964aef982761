from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("".join(f"the cat {i}\n" for i in range(1500)) + "\n")
    (tmp_path / "b.txt").write_text("the dog\n" * 500)
    return tmp_path


def names(directory) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_writes_shards_and_reports_their_sizes(run_cli, text):
    result = run_cli("shard", "--input", "a.txt", "b.txt", "--output-dir", "out", "--num-shards", "2")
    assert (result.exit_code, result.err) == (0, "")
    assert names(text / "out") == ["heldout-00000.txt.gz", "train-00000.txt.gz", "train-00001.txt.gz"]
    first, second = result.out.splitlines()
    assert first.startswith("out: 2 training files with 1,980 sentences, 5,4")
    assert second.startswith("heldout: 20 sentences, ")
    assert second.endswith(" tokens; skipped 1 blank line")


@pytest.mark.parametrize(
    "options", [["--num-shards", "3", "--heldout-fraction", "0"], ["--num_shards=3", "--heldout_fraction=0"]]
)
def test_both_spellings(run_cli, text, options):
    result = run_cli("shard", "--input", "*.txt", "--output-dir", "out", "--compression", "none", *options)
    assert result.exit_code == 0
    assert names(text / "out") == ["train-00000.txt", "train-00001.txt", "train-00002.txt"]


def test_seed(run_cli, text):
    for output, seed in [("one", 1), ("again", 1), ("two", 2)]:
        run_cli("shard", "--input", "a.txt", "--output-dir", output, "--seed", seed, "--num-shards", 1)
    one, again, two = ((text / name / "train-00000.txt.gz").read_bytes() for name in ("one", "again", "two"))
    assert one == again != two


def test_fewer_sentences_than_shards_are_reported(run_cli, text):
    (text / "c.txt").write_text("a\nb\nc\n")
    result = run_cli("shard", "--input", "c.txt", "--output-dir", "out")
    assert result.exit_code == 0
    assert "warning: wrote 2 training files instead of 10" in result.err


def test_directory_that_is_not_empty(run_cli, text):
    result = run_cli("shard", "--input", "a.txt", "--output-dir", text)
    assert result.exit_code == 2
    assert f"{text}: not empty (contains a.txt), expected a new or empty directory" in result.err


def test_text_without_tokens(run_cli, text):
    (text / "e.txt").write_text("\n")
    result = run_cli("shard", "--input", "e.txt", "--output-dir", "out")
    assert result.exit_code == 2
    assert result.err.startswith("elmokit: the text contains no tokens (e.txt)")
    assert not (text / "out").exists()


def test_no_input(run_cli):
    result = run_cli("shard", "--output-dir", "out")
    assert result.exit_code == 2
    assert "no text given: expected TEXT, --input TEXT, or - for" in result.err


@pytest.mark.parametrize(
    ("option", "value"), [("--num-shards", "0"), ("--heldout-fraction", "1"), ("--compression", "zip")]
)
def test_impossible_options(run_cli, text, option, value):
    result = run_cli("shard", "--input", "a.txt", "--output-dir", "out", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.err
    assert not (text / "out").exists()


def test_help_has_an_example(run_cli):
    assert "elmokit shard --input 'text/*.txt' -o shards" in run_cli("shard", "-h").out

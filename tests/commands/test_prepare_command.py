"""elmokit prepare: a prepared corpus takes the place of text."""

from __future__ import annotations

import json

import pytest

from elmokit.data.corpus import open_corpus
from elmokit.data.prepare import prepare_corpus
from elmokit.errors import TextError

pytestmark = pytest.mark.usefixtures("work")


def test_parts_are_joined_and_trained_on(run_cli, work):
    lines = (work / "train.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for number, part in enumerate((lines[:20], lines[20:])):
        (work / f"{number}.txt").write_text("".join(part), encoding="utf-8")
        result = run_cli("prepare", f"{number}.txt", "-o", f"part-{number}")
        assert (result.exit_code, result.err) == (0, "")
    result = run_cli("prepare", "--join", "part-0", "part-1", "-o", "corpus", "--json")
    assert (result.exit_code, result.err) == (0, "")
    run_cli("prepare", "train.txt", "-o", "whole")
    assert json.loads(result.out)["fingerprint"] == open_corpus(work / "whole").fingerprint
    arguments = ("--vocab-file", "vocab.txt", "--config", "c.toml", "max_steps=2", "seed=1")
    assert run_cli("train", "--train-prefix", "corpus", "--save-dir", "a", *arguments).exit_code == 0
    assert run_cli("train", "--train-prefix", "train.txt", "--save-dir", "b", *arguments).exit_code == 0
    one, two = ((work / name / "metrics.jsonl").read_text().splitlines() for name in "ab")
    norms = [[json.loads(line).get("gradient_norm") for line in lines] for lines in (one, two)]
    assert norms[0] == norms[1]
    assert any(norms[0])
    assert run_cli("train", "--save-dir", "a", "--resume", "max_steps=3").exit_code == 0


def test_a_directory_is_not_replaced(run_cli, work):
    run_cli("prepare", "train.txt", "-o", "corpus")
    result = run_cli("prepare", "heldout.txt", "-o", "corpus")
    assert result.exit_code == 2
    assert "corpus: already exists: choose a new directory" in result.err
    result = run_cli("prepare", "corpus", "-o", "again")
    assert result.exit_code == 2
    assert "corpus: already prepared: join prepared corpora with --join" in result.err


def test_a_prepared_corpus_beside_text(run_cli, work):
    run_cli("prepare", "train.txt", "-o", "corpus")
    with pytest.raises(TextError, match="a prepared corpus beside other text: name one"):
        prepare_corpus(["corpus", "heldout.txt"])


def test_words_of_a_prepared_corpus_are_counted(run_cli, work):
    run_cli("prepare", "train.txt", "-o", "corpus")
    assert run_cli("vocabulary", "corpus", "-o", "counted.txt", "--min-count", 2).exit_code == 0
    assert (work / "counted.txt").read_bytes() == (work / "vocab.txt").read_bytes()

from __future__ import annotations

import json

import pytest

from elmokit.data.prepare import prepare_corpus
from elmokit.loading import load
from elmokit.training.bilm_perplexity import bilm_perplexity
from elmokit.training.evaluation import evaluate

pytestmark = pytest.mark.usefixtures("work")

ARGUMENTS = ["evaluate", "--save-dir", "model", "--test-prefix", "heldout.txt"]


@pytest.fixture
def expected(work):
    model = load("model")
    return evaluate(model.model, prepare_corpus(["heldout.txt"]), model.vocabulary)


def test_json_holds_what_evaluate_gives(run_cli, expected):
    result = run_cli(*ARGUMENTS, "--json")
    assert (result.exit_code, result.err) == (0, "")
    (line,) = result.out.splitlines()
    assert json.loads(line) == expected.as_dict()


def test_printed(run_cli, expected):
    result = run_cli(*ARGUMENTS)
    assert (result.exit_code, result.err) == (0, "")
    figures = [line.split() for line in result.out.splitlines()]
    assert figures[0] == (
        f"{expected.num_tokens} tokens in 10 sentences, {expected.unk_share:.2%} <UNK>".split()
    )
    assert figures[1][:2] == ["perplexity", f"{expected.perplexity:.2f}"]
    assert figures[2] == ["forward", f"{expected.forward:.2f}"]
    assert figures[3] == ["backward", f"{expected.backward:.2f}"]
    assert figures[4] == ["in-vocabulary", "words", f"{expected.in_vocabulary_perplexity:.2f}"]


def test_the_figure_of_bilm_tf(run_cli, work):
    result = run_cli(*ARGUMENTS, "--bilm-compatible", "--batch-size", 2, "--json")
    values = json.loads(result.out)
    model = load("model")
    assert values["bilm_perplexity"] == bilm_perplexity(
        model.model, prepare_corpus(["heldout.txt"]), model.vocabulary, batch_size=2
    )
    assert values["bilm_batch_size"] == 2
    other = run_cli(*ARGUMENTS, "--bilm-compatible", "--batch-size", 3, "--json")
    assert json.loads(other.out)["bilm_perplexity"] != values["bilm_perplexity"]
    assert json.loads(other.out)["perplexity"] == values["perplexity"]
    assert "as bilm-tf reports it" in run_cli(*ARGUMENTS, "--bilm-compatible", "--batch-size", 2).out


def test_several_texts_are_one(run_cli, work):
    lines = (work / "heldout.txt").read_text().splitlines(keepends=True)
    (work / "a.txt").write_text("".join(lines[:4]))
    (work / "b.txt").write_text("".join(lines[4:]))
    whole = run_cli(*ARGUMENTS, "--json").out
    parts = ["--test-prefix", "a.txt", "--test_prefix", "b.txt"]
    assert run_cli("evaluate", "--save_dir", "model", *parts, "--json").out == whole


def test_weights_without_a_softmax(run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "out/weights.hdf5")
    result = run_cli("evaluate", "--save-dir", "out", "--test-prefix", "heldout.txt")
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert "these weights have no softmax" in line

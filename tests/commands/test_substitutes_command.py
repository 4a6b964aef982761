from __future__ import annotations

import json
import math

import pytest

from elmokit.language_model import LanguageModel, Substitutes

pytestmark = pytest.mark.usefixtures("work")

SENTENCE = "a0 b1 unseen b1"


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli("substitutes", *arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


def substitutes(run_cli, *arguments: str) -> str:
    result = run_cli("substitutes", *arguments)
    assert (result.exit_code, result.err) == (0, "")
    return result.out


@pytest.fixture
def found() -> Substitutes:
    return LanguageModel.load("model").substitutes(SENTENCE, 1, k=3)


def test_three_lists(run_cli, found):
    sentence, titles, *rows = substitutes(run_cli, "model", SENTENCE, "--word", "b1", "-k", "3").splitlines()
    assert sentence == "a0 [b1] unseen b1"
    assert titles.split() == ["both", "before", "after"]
    lists = (found.combined, found.forward, found.backward)
    assert len(rows) == 3
    for k, row in enumerate(rows):
        expected = [f"{math.exp(column[k].log_probability):.2%} {column[k].word}" for column in lists]
        assert [row[start : start + 32].strip() for start in (0, 32, 64)] == expected


@pytest.mark.parametrize(
    ("position", "marked"),
    [("1", "a0 [b1] unseen b1"), ("-1", "a0 b1 unseen [b1]"), ("-4", "[a0] b1 unseen b1")],
)
def test_by_position(run_cli, position, marked):
    out = substitutes(run_cli, "model", SENTENCE, "--position", position)
    assert out.splitlines()[0] == marked
    assert len(out.splitlines()) == 12


def test_json(run_cli, found):
    values = json.loads(substitutes(run_cli, "model", SENTENCE, "--position", "1", "-k", "3", "--json"))
    assert values.keys() == {"combined", "forward", "backward"}
    for name, candidates in values.items():
        expected = getattr(found, name)
        assert [word for word, _ in candidates] == [candidate.word for candidate in expected]
        assert [value for _, value in candidates] == pytest.approx(
            [candidate.log_probability for candidate in expected]
        )


def test_more_results_than_words(run_cli, work):
    num_words = len((work / "vocab.txt").read_text(encoding="utf-8").split())
    out = substitutes(run_cli, "model", SENTENCE, "--word", "a0", "-k", "1000000")
    assert len(out.splitlines()) == 2 + num_words - 3
    assert "<UNK>" not in out
    assert "<S>" not in out


def test_a_forward_model(run_cli):
    result = run_cli(
        *("train", "--train-prefix", "train.txt", "--vocab-file", "vocab.txt", "--save-dir", "forward"),
        *("--config", "c.toml", "bidirectional=false", "max_steps=2"),
    )
    assert result.exit_code == 0
    _, titles, first, *_ = substitutes(run_cli, "forward", SENTENCE, "--word", "b1").splitlines()
    assert titles == "before"
    best = LanguageModel.load("forward").substitutes(SENTENCE, 1).forward[0]
    assert first.strip() == f"{math.exp(best.log_probability):.2%} {best.word}"
    values = json.loads(substitutes(run_cli, "forward", SENTENCE, "--word", "b1", "--json"))
    assert values["backward"] == []
    assert values["combined"] == values["forward"]


def test_weights_without_a_softmax(run_cli):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    message = refusal(run_cli, "elmo", SENTENCE, "--word", "b1")
    assert message.startswith("elmo/weights.hdf5: these weights have no softmax")
    assert message.endswith("or a softmax file (datasets softmax/W and softmax/b) beside the weights")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["a b"],
            "substitutes: expected either --word or --position (try `elmokit substitutes --help`)",
        ),
        (
            ["a b", "--word", "a", "--position", "0"],
            "substitutes: expected either --word or --position",
        ),
        (["a b", "--word", "c"], "--word c: not a token of the sentence: a b"),
        ([" ", "--word", "c"], "--word c: not a token of the sentence:"),
        (["a b", "--position", "2"], "position: expected 0 to 1, got 2"),
        (["a b", "--position", "-3"], "position: expected 0 to 1, got -3"),
        ([" ", "--position", "0"], "position: the sentence has no token"),
        (
            ["a b", "--position", "x"],
            "substitutes: Invalid value for '--position': 'x' is not a whole number",
        ),
        (
            ["a b", "--word", "a", "-k", "0"],
            "substitutes: Invalid value for '-k': 0 is not in the range x>=1",
        ),
        (["a b", "--word", "a", "--device", "abacus"], "device=abacus: not available here"),
        (
            [],
            "substitutes: 2 errors: Missing argument 'SENTENCE' of `elmokit substitutes MODEL ",
        ),
        (
            ["a right. b", "--word", "right"],
            "--word right: not a token of the sentence: a right. b: tokens are ",
        ),
        (
            ["train.txt", "--word", "a"],
            "--word a: not a token of the sentence: train.txt: train.txt is a file",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(run_cli, arguments, expected):
    assert refusal(run_cli, "model", *arguments).startswith(expected)


def test_a_text_for_a_model(run_cli):
    assert "'train.txt' is text, expected a model" in refusal(run_cli, "train.txt", "a b", "--word", "a")


def test_help(run_cli):
    result = run_cli("substitutes", "--help")
    assert result.exit_code == 0
    assert 'elmokit substitutes model "we must fight this war together" --word war' in result.out

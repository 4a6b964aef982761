"""elmokit senses and elmokit pairs, on made tables and random vectors."""

from __future__ import annotations

import json

import pytest

SENSES = """\
sense\tlemma\tindex\ttokens
shore\tbank\t1\tthe bank
shore\tbank\t1\ta bank
money\tbank\t0\tBanks lend
animal\tcat\t1\ta cat
"""

SIMILAR = "label\ttokens1\ttokens2\n" + "".join(
    f"{k % 2}\ta{k} b{k}\t{f'a{k} b{k} c' if k % 2 else f'd{k} e'}\n" for k in range(20)
)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "senses.tsv").write_text(SENSES)
    (tmp_path / "pairs.tsv").write_text(SIMILAR)
    (tmp_path / "dev.tsv").write_text(SIMILAR.replace("\ta", "\tx"))
    return tmp_path


def test_senses(run_cli, work):
    (work / "first.tsv").write_text("lemma\tsense\ndog\tpet\n")
    options = ("--embedding", "random", "--first-senses", "first.tsv", "-o", "model")
    result = run_cli("senses", "train", "senses.tsv", *options)
    assert result.exit_code == 0, result.err
    assert result.out == "model: 4 examples, 2 lemmas, 1 of them with several senses\n"
    (work / "words.tsv").write_text("lemma\tindex\ttokens\nbank\t0\tBanks grow\ndog\t0\tdogs bark\n")
    assert run_cli("senses", "predict", "model", "words.tsv").out == (
        "lemma\tsense\tchosen_by\tindex\ttokens\n"
        "bank\tmoney\tvectors\t0\tBanks grow\n"
        "dog\tpet\tfirst sense\t0\tdogs bark\n"
    )
    first, _ = map(json.loads, run_cli("senses", "predict", "model", "words.tsv", "--json").out.splitlines())
    assert first["scores"]["money"] == pytest.approx(1)
    out = run_cli("senses", "evaluate", "model", "senses.tsv").out
    assert out.splitlines()[2] == "all                       1.0000               0.7500"
    assert (
        json.loads(run_cli("senses", "evaluate", "model", "senses.tsv", "--json").out)["num_ambiguous"] == 3
    )


@pytest.mark.parametrize("method", ["cosine", "classifier"])
def test_pairs(run_cli, work, method):
    files = ("--train", "pairs.tsv", "--dev", "dev.tsv", "-o", "model")
    result = run_cli("pairs", "train", *files, "--embedding", "random", "--method", method, "max_epochs=9")
    assert result.exit_code == 0, result.err
    assert result.out.startswith("model: accuracy ")
    lines = run_cli("pairs", "predict", "model", "pairs.tsv").out.splitlines()
    assert lines[0] == "predicted\tpredicted_score\tlabel\ttokens1\ttokens2"
    assert len(lines) == 21
    predicted, score, label, *_ = lines[2].split("\t")
    assert (predicted, 0.5 <= float(score) <= 1, label) == ("1", True, "1")
    figures = json.loads(run_cli("pairs", "evaluate", "model", "pairs.tsv", "--json").out)
    assert (figures["num_pairs"], figures["accuracy"] > 0.8) == (20, True)
    assert "accuracy  " in run_cli("pairs", "evaluate", "model", "pairs.tsv").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("senses", "train", "pairs.tsv", "-o", "x"), "pairs.tsv:1: no column tokens or sentence"),
        (("senses", "train", "senses.tsv", "-o", "dev.tsv"), "not only an earlier model of senses"),
        (("senses", "evaluate", "senses.tsv", "senses.tsv"), "no model of senses there"),
        (("senses", "train", "nowhere.tsv", "-o", "x"), "nowhere.tsv"),
        (
            ("senses", "train", "empty.tsv", "-o", "x"),
            "empty.tsv:3: sense: empty, expected the sense",
        ),
        (("senses", "train", "senses.tsv", "-o", "dev.tsv/x"), "dev.tsv/x: cannot write: Not a directory"),
        (("pairs", "train", "--train", "pairs.tsv", "--dev", "pairs.tsv", "-o", "x"), "the same pairs"),
        (("pairs", "train", "--train", "senses.tsv", "--dev", "dev.tsv", "-o", "x"), "no column tokens1"),
        (("pairs", "train", "--train", "pairs.tsv"), "2 errors"),
        (
            ("pairs", "train", "--train", "pairs.tsv", "--dev", "dev.tsv", "-o", "senses.tsv"),
            "senses.tsv: already exists and is not only an earlier model of pairs",
        ),
        (
            ("pairs", "train", "--train", "same.tsv", "--dev", "dev.tsv", "-o", "x"),
            "same.tsv: all pairs have the label 1, expected at least two different ones",
        ),
        (("pairs", "train", "--train", "pairs.tsv", "--dev", "dev.tsv", "-o", "x", "layers=2"), "no setting"),
    ],
)
def test_one_line_for_what_is_wrong(run_cli, work, arguments, message):
    (work / "empty.tsv").write_text(SENSES.replace("\nshore\tbank\t1\ta", "\n\tbank\t1\ta"))
    (work / "same.tsv").write_text(SIMILAR.replace("\n0\t", "\n1\t"))
    embedding = ("--embedding", "random") if arguments[1] == "train" else ()
    result = run_cli(*arguments, *embedding)
    (line,) = result.err.splitlines()
    assert (result.exit_code, result.out) == (2, "")
    assert message in line

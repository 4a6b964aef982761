from __future__ import annotations

import json
import math
import re

import pytest

from elmokit.language_model import LanguageModel, SentenceScore

MANY_UNKNOWN = (
    "warning: 33% of the tokens are <UNK> to this model, which makes perplexity misleadingly low: is it a "
    "model of this language and of text like this?\n"
)

pytestmark = pytest.mark.usefixtures("work")


@pytest.fixture(autouse=True)
def lines(work) -> list[str]:
    """A sentence of known words, an empty one, and one with unknown words."""
    known = (work / "vocab.txt").read_text(encoding="utf-8").split()[3:6]
    sentences = [" ".join(known), "", f"naïve {known[0]} unseen"]
    (work / "in.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return sentences


@pytest.fixture
def scores(lines) -> list[SentenceScore]:
    return list(LanguageModel.load("model").score(lines))


def score(run_cli, *arguments: str) -> list[str]:
    """Return the lines below the header."""
    result = run_cli("score", *arguments)
    assert result.exit_code == 0
    assert re.sub(r"\d+%", "33%", result.err) in ("", MANY_UNKNOWN)
    header, *lines = result.out.splitlines()
    assert header.split("\t")[2:3] == (["forward"] if "--tokens" in arguments else ["backward"])
    return lines


def json_lines(run_cli, model: str) -> list[dict]:
    result = run_cli("score", model, "in.txt", "--json")
    assert (result.exit_code, result.err) == (0, MANY_UNKNOWN)
    return [json.loads(line) for line in result.out.splitlines()]


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli("score", *arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


def test_a_line_for_each_sentence(run_cli, lines, scores):
    assert score(run_cli, "model", "in.txt") == [
        f"{found.perplexity:.2f}\t{found.forward.sum():.3f}\t{found.backward.sum():.3f}\t{line}"
        for line, found in zip(lines, scores, strict=True)
    ]


def test_many_unknown_tokens_are_said(run_cli, work, lines):
    assert run_cli("score", "model", "in.txt").err == MANY_UNKNOWN
    (work / "in.txt").write_text(f"{lines[0]}\n" * 9 + "unseen\n", encoding="utf-8")
    assert run_cli("score", "model", "in.txt").err == ""  # 1 of 28


def test_the_header(run_cli):
    columns = run_cli("score", "model", "in.txt").out.splitlines()[0].split("\t")
    assert columns == ["perplexity", "forward", "backward", "sentence"]
    columns = run_cli("score", "model", "in.txt", "--tokens").out.splitlines()[0].split("\t")
    assert columns == ["sentence", "token", "forward", "backward", "unknown"]
    below = score(run_cli, "model", "in.txt")
    assert run_cli("score", "model", "in.txt", "--no-header").out.splitlines() == below


def test_a_line_for_each_token(run_cli, lines, scores):
    expected = []
    for number, (line, found) in enumerate(zip(lines, scores, strict=True), start=1):
        tokens = line.split()
        expected.append(f"{number}\t<S>\t\t{found.backward[0]:.4f}")
        for k, token in enumerate(tokens):
            mark = "\t<UNK>" if token in ("naïve", "unseen") else ""
            expected.append(f"{number}\t{token}\t{found.forward[k]:.4f}\t{found.backward[k + 1]:.4f}{mark}")
        expected.append(f"{number}\t</S>\t{found.forward[len(tokens)]:.4f}\t")
    assert score(run_cli, "model", "in.txt", "--tokens") == expected


def test_json(run_cli, lines, scores):
    found = json_lines(run_cli, "model")
    for sentence, line, expected in zip(found, lines, scores, strict=True):
        assert sentence == {
            "tokens": line.split(),
            "is_unknown": [token in ("naïve", "unseen") for token in line.split()],
            "forward": pytest.approx(expected.forward.tolist(), abs=1e-6),
            "backward": pytest.approx(expected.backward.tolist(), abs=1e-6),
            "perplexity": pytest.approx(expected.perplexity),
        }
    # What the lines say follows from what the tokens say.
    total = sum(found[0]["forward"] + found[0]["backward"]) / (2 * (len(found[0]["tokens"]) + 1))
    assert found[0]["perplexity"] == pytest.approx(math.exp(-total))


def test_several_texts_are_one(run_cli, work):
    (work / "more.txt").write_text("a0 a0\n", encoding="utf-8")
    once, more = score(run_cli, "model", "in.txt"), score(run_cli, "model", "more.txt")
    assert score(run_cli, "model", "--input", "in.txt", "--input", "more.txt") == once + more
    assert score(run_cli, "model", "in.txt", "more.txt") == once + more
    numbers = [line.split("\t")[0] for line in score(run_cli, "model", "in.txt", "more.txt", "--tokens")]
    assert sorted(set(numbers)) == ["1", "2", "3", "4"]


def test_the_batch_size_changes_nothing(run_cli):
    one, many = (score(run_cli, "model", "heldout.txt", "--batch-size", size) for size in ("1", "64"))
    assert one == many
    assert len(one) == 11


def test_a_forward_model(run_cli, work):
    """Its columns keep their positions."""
    options = ["--config", "c.toml", "bidirectional=false", "max_steps=2"]
    result = run_cli(
        *("train", "--train-prefix", "train.txt", "--vocab-file", "vocab.txt", "--save-dir", "forward"),
        *options,
    )
    assert result.exit_code == 0
    (found, *_) = LanguageModel.load("forward").score([(work / "in.txt").read_text("utf-8").splitlines()[0]])
    assert score(run_cli, "forward", "in.txt")[0] == (
        f"{found.perplexity:.2f}\t{found.forward.sum():.3f}\t\t{' '.join(found.tokens)}"
    )
    first, second, *_ = score(run_cli, "forward", "in.txt", "--tokens")
    assert first == "1\t<S>\t\t"
    assert second == f"1\t{found.tokens[0]}\t{found.forward[0]:.4f}\t"
    assert json_lines(run_cli, "forward")[0]["backward"] is None


def test_weights_without_a_softmax(run_cli):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    assert refusal(run_cli, "elmo", "in.txt") == (
        "elmo/weights.hdf5: these weights have no softmax to predict words with: "
        "expected a training run's save directory, a TensorFlow checkpoint of bilm-tf, or a softmax file "
        "(datasets softmax/W and softmax/b) beside the weights"
    )


def test_a_softmax_without_its_vocabulary(run_cli, work):
    run_cli("convert", "model", "elmo", "--format", "bilm")
    (work / "elmo/vocab.txt").unlink()
    num_words = len((work / "vocab.txt").read_text(encoding="utf-8").split())
    for model in ("elmo", "elmo/weights.hdf5"):
        assert refusal(run_cli, model, "in.txt") == (
            f"elmo/weights.hdf5: the softmax predicts {num_words} words, but the vocabulary is not known: "
            "put the vocab.txt of its training beside the weights"
        )
        expected = score(run_cli, "model", "in.txt")
        assert score(run_cli, model, "in.txt", "--vocab-file", "vocab.txt") == expected


def test_other_mistakes(run_cli, work):
    assert "no text given: expected TEXT, --input TEXT, or - for the standard input" in refusal(
        run_cli, "model"
    )
    assert "none.txt" in refusal(run_cli, "model", "none.txt")
    (work / "other.txt").write_text("<S>\n</S>\n<UNK>\nother\n", encoding="utf-8")
    assert refusal(run_cli, "model", "in.txt", "--vocab-file", "other.txt") == (
        "other.txt: not the vocabulary of model, which has its own: leave it out"
    )
    assert "device=abacus: not available here" in refusal(run_cli, "model", "in.txt", "--device", "abacus")
    (work / "bad.txt").write_bytes(b"\xff\n")
    assert "bad.txt:1: not valid UTF-8" in refusal(run_cli, "model", "bad.txt")


def test_one_form_of_output(run_cli):
    assert "expected --tokens or --json, not both" in refusal(
        run_cli, "model", "in.txt", "--tokens", "--json"
    )


def test_help(run_cli):
    result = run_cli("score", "--help")
    assert result.exit_code == 0
    assert "Example:\n    elmokit score model sentences.txt\n" in result.out

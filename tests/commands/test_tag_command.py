"""elmokit tag train, predict and evaluate, on made data and random vectors."""

from __future__ import annotations

import io
import json
import os
import random
import sys

import pytest

from elmokit import cli

TRAIN_OPTIONS = (
    "--embedding",
    "random",
    "hidden_dim=8",
    "max_epochs=8",
    "learning_rate=0.05",
    "batch_size=4",
)


def made_lines(num_sentences: int, seed: int) -> str:
    rng = random.Random(seed)
    lines = []
    for _ in range(num_sentences):
        for _ in range(rng.randint(1, 3)):
            lines += rng.choice([["in\tO", "New\tB-LOC", "York\tI-LOC"], ["Ms\tO", "Lee\tB-PER", "runs\tO"]])
        lines.append("")
    return "\n".join(lines)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A directory with data and a tagger, trained once."""
    directory = tmp_path_factory.mktemp("tagging")
    for seed, (name, size) in enumerate([("train", 30), ("dev", 8), ("test", 9)]):
        (directory / f"{name}.tsv").write_text(made_lines(size, seed))
    from elmokit.downstream.embeddings.choice import embeddings_of
    from elmokit.downstream.tagging.files import read_tagged
    from elmokit.downstream.tagging.settings import TaggerSettings
    from elmokit.downstream.tagging.tagger import SequenceTagger

    data = {name: read_tagged(directory / f"{name}.tsv") for name in ("train", "dev")}
    parts = [part for own in data.values() for part in ([s.tokens for s in own], [s.tags for s in own])]
    settings = TaggerSettings(hidden_dim=8, max_epochs=8, learning_rate=0.05, batch_size=4)
    SequenceTagger.train(*parts, embedding=embeddings_of("random"), settings=settings).save(
        directory / "tagger"
    )
    return directory


@pytest.fixture
def data(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def stdin(monkeypatch):
    def give(content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    return give


def test_training_says_what_it_reached(run_cli, data, tmp_path):
    files = ("--train", "train.tsv", "--dev", "dev.tsv", "--test", "test.tsv", "-o", tmp_path / "tagger")
    result = run_cli("tag", "train", *files, *TRAIN_OPTIONS, "--device", "cpu")
    assert result.exit_code == 0, result.err
    assert "epoch 1: loss" in result.out
    assert "tagger: 5 tags, span F1 on dev 1.0000 (epoch" in result.out
    assert "span F1             1.0000" in result.out
    names = {path.name for path in (tmp_path / "tagger").iterdir()}
    assert names >= {"config.json", "model.safetensors", "README.md"}
    again = run_cli(
        "tag", "train", *files[:4], "-o", tmp_path / "other", *TRAIN_OPTIONS, "--device", "cpu", "--json"
    )
    figures = json.loads(again.out)
    assert figures["tags"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert figures["dev_score"] == 1.0
    own, other = (tmp_path / name / "model.safetensors" for name in ("tagger", "other"))
    assert own.read_bytes() == other.read_bytes(), "the same seed gives the same tagger"


def test_text_from_the_standard_input(run_cli, data, stdin):
    stdin("in New York\r\n\nMs Lee runs")
    result = run_cli("tag", "predict", "tagger")
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == "in\tO\nNew\tB-LOC\nYork\tI-LOC\n\n\nMs\tO\nLee\tB-PER\nruns\tO\n\n"


def test_answers_come_before_more_lines_do(data, monkeypatch, capsys):
    """The input is a pipe into which the next sentence is written once the last one is answered."""
    reading, writing = os.pipe()
    answers = []
    sentences = iter([b"New\n", b"in New York\nMs Lee runs\n"])

    def answer(line):
        answers.append(line)
        if line == "" and (sentence := next(sentences, None)) is not None:
            os.write(writing, sentence)
        elif len(answers) == 10:
            os.close(writing)

    os.write(writing, b"York\n")
    with os.fdopen(reading, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setattr(sys, "argv", ["elmokit", "tag", "predict", "tagger"])
        monkeypatch.setattr("click.echo", answer)
        cli.main()
    assert [line.split("\t")[0] for line in answers] == [
        *("York", "", "New", "", "in", "New", "York", "", "Ms", "Lee", "runs", "")
    ]


def test_json_and_probabilities(run_cli, data, stdin):
    stdin("in New York\n\n")
    first, empty = map(json.loads, run_cli("tag", "predict", "tagger", "--json").out.splitlines())
    assert first["tokens"] == ["in", "New", "York"]
    assert first["tags"] == ["O", "B-LOC", "I-LOC"]
    assert all(0.5 < share <= 1 for share in first["probabilities"])
    assert empty == {"tokens": [], "tags": [], "probabilities": []}
    stdin("York\n")
    token, _, share = run_cli("tag", "predict", "tagger", "--probabilities").out.split()
    assert (token, 0 < float(share) <= 1) == ("York", True)


def test_files_keep_their_format(run_cli, data, tmp_path):
    done = run_cli("tag", "predict", "tagger", "test.tsv", "-o", tmp_path / "out.tsv")
    assert done.exit_code == 0, done.err
    rows = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines() if line]
    assert all(len(row) == 3 and row[1] == row[2] for row in rows)
    conllu = "# text = in New York\n1\tin\t_\tX\t_\t_\t_\t_\t_\t_\n2\tNew\t_\tX\t_\t_\t_\t_\t_\tA=b\n\n"
    (tmp_path / "in.conllu").write_text(conllu)
    out = run_cli(
        "tag", "predict", "tagger", tmp_path / "in.conllu", "--column", "xpos", "--probabilities"
    ).out
    lines = out.splitlines()
    assert lines[0] == "# text = in New York"
    assert lines[1].startswith("1\tin\t_\tX\tO\t_\t_\t_\t_\tTagProb=0.")
    assert "\tX\tB-LOC\t" in lines[2]
    assert "\tA=b|TagProb=" in lines[2]
    assert lines[3] == ""


def test_a_file_is_not_written_over_itself(run_cli, data):
    before = (data / "test.tsv").read_text()
    result = run_cli("tag", "predict", "tagger", "test.tsv", "-o", "test.tsv")
    assert (result.exit_code, "this is an input" in result.err) == (2, True)
    assert (data / "test.tsv").read_text() == before


def test_evaluation(run_cli, data):
    result = run_cli("tag", "evaluate", "tagger", "test.tsv")
    assert result.exit_code == 0
    assert "in 9 sentences" in result.out
    assert "\nLOC          1.0000  1.0000  1.0000" in result.out
    figures = json.loads(run_cli("tag", "evaluate", "tagger", "test.tsv", "--json").out)
    assert figures["spans"]["f1"] == figures["by_label"]["PER"]["recall"] == figures["accuracy"] == 1.0


def test_invalid_sequences_are_reported_with_their_line(run_cli, data, tmp_path):
    (tmp_path / "iob1.tsv").write_text("Lee\tI-PER\nruns\tO\n\nNew\tI-LOC\nYork\tI-LOC\n")
    result = run_cli("tag", "evaluate", "tagger", tmp_path / "iob1.tsv")
    assert result.exit_code == 0
    assert result.err.startswith(
        f"warning: {tmp_path}/iob1.tsv:1: I-PER at the start of a sentence is not valid"
    )
    assert "2 such places" in result.err
    assert "LOC          1.0000" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--train", "a", "--dev", "a", "-o", "x"), "the same file is given twice"),
        (
            ("train", "--train", "a", "--dev", "b", "-o", "x", "max_epochs"),
            "Got unexpected argument 'max_epochs'",
        ),
        (
            ("train", "--train", "a"),
            "2 errors: Missing option '--dev' (Tagged text that decides when training stops); Missing option",
        ),
        (("train", "--train", "nowhere.tsv", "--dev", "dev.tsv", "-o", "x"), "nowhere.tsv"),
        (
            ("train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", "x", "hidden_size=3"),
            "no setting is named 'hidden_size': did you mean 'hidden_dim'?",
        ),
        (
            ("train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", "x", "dropout=2"),
            "dropout: input should be",
        ),
        (
            ("train", "--train", "train.tsv", "--dev", "copy.tsv", "--test", "dev.tsv", "-o", "x"),
            "has the same sentences as --dev",
        ),
        (
            ("train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", "x", "--embedding", "glove"),
            "embedding: expected elmo",
        ),
        (
            ("train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", "test.tsv"),
            "test.tsv: already exists and is not only an earlier tagger",
        ),
        (
            ("train", "--train", "single.tsv", "--dev", "dev.tsv", "-o", "x"),
            "single.tsv: all tokens have the tag 'O', expected at least two different tags",
        ),
        (("evaluate", "train.tsv", "test.tsv"), "no tagger there"),
        (("evaluate", "tagger", "nowhere.tsv"), "nowhere.tsv"),
        (("evaluate", "tagger", "test.tsv", "--column", "9"), "column: expected a number from 2 to 2"),
        (("predict", "tagger", "test.tsv", "--embedding", "random+random"), "trained with 1 embedding"),
        (("trian",), "tag: no command 'trian', did you mean 'train'?"),
    ],
)
def test_one_line_for_what_is_wrong(run_cli, data, arguments, message):
    (data / "copy.tsv").write_text((data / "dev.tsv").read_text())
    (data / "single.tsv").write_text("we\tO\nsat\tO\n")
    result = run_cli("tag", *arguments)
    (line,) = result.err.splitlines()
    assert (result.exit_code, result.out) == (2, "")
    assert message in line
    assert not (data / "x").exists()


def test_word_vectors_are_trained_on_a_text(run_cli, data, tmp_path):
    pytest.importorskip("gensim")
    (tmp_path / "text.txt").write_text("in New York\nMs Lee runs\n" * 5)
    result = run_cli(
        *("tag", "train", "--train", "train.tsv", "--dev", "dev.tsv", "-o", tmp_path / "tagger"),
        *("--embedding", "word2vec", "--embedding-text", tmp_path / "text.txt", "vectors.dim=7"),
        *("vectors.epochs=1", "max_epochs=1", "hidden_dim=3", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.err
    (tmp_path / "text.txt").unlink()
    assert run_cli("tag", "evaluate", tmp_path / "tagger", "test.tsv").exit_code == 0, "the tagger has them"


def test_input_that_is_not_utf8(run_cli, data, stdin):
    stdin(b"in New\nS\xe3o Paulo\n")
    result = run_cli("tag", "predict", "tagger", "--batch-size", "1")
    assert result.exit_code == 2
    assert result.out.startswith("in\tO\n"), "what came before is tagged"
    assert "standard input:2: not valid UTF-8 (byte 0xe3)" in result.err


def test_tags_of_dev_that_training_has_not(run_cli, data, tmp_path):
    (tmp_path / "dev.tsv").write_text((data / "dev.tsv").read_text() + "\nEU\tB-ORG\n")
    result = run_cli(
        *("tag", "train", "--train", "train.tsv", "--dev", tmp_path / "dev.tsv", "-o", tmp_path / "tagger"),
        *(*TRAIN_OPTIONS, "max_epochs=1", "--device", "cpu"),
    )
    assert result.exit_code == 0
    assert "tags in --dev that the training data does not have are always wrong: B-ORG (1)" in result.err

"""elmokit compare: from files to the tables and pictures, and on after an interruption."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

WORDS = {"pos": ("good", "fine", "nice"), "neg": ("bad", "poor", "awful")}


@pytest.fixture
def task_file(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for number, part in enumerate(("train", "dev", "test")):
        rows = [
            f"the {WORDS[label][k % 3]} film w{number}{k}\t{label}"
            for k in range(15)
            for label in ("pos", "neg")
        ]
        (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    path = tmp_path / "films.toml"
    path.write_text(
        'name = "Films"\nkind = "classify"\ntrain = "train.tsv"\ndev = "dev.tsv"\ntest = "test.tsv"\n'
        "trials = 2\n[model]\nmax_epochs = 2\nhidden_dim = 4\n[search]\nlearning_rate = [0.001, 0.02]\n",
        encoding="utf-8",
    )
    return path


def test_tables_and_pictures(task_file, run_cli, model_directory):
    embeddings = f"elmo:{model_directory('characters')},random,tfidf,majority"
    arguments = ("compare", "--task", task_file, "--embeddings", embeddings, "--seeds", 2, "-o", "results")
    done = run_cli(*arguments, "--train-sizes", "4,all")
    assert done.exit_code == 0, done.err
    assert "| tfidf " in done.out
    assert "| random - tfidf " in done.out
    written = sorted(path.name for path in Path("results").iterdir())
    assert written == [
        "comparison.json",
        "comparison.md",
        "learning-curves.png",
        "mixing-weights.png",
        "outcomes",
        "pairs.csv",
        "scores.csv",
        "scores.png",
    ]
    with Path("results/scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["train_size"], row["num_seeds"]) for row in rows[:2]] == [("4", "2"), ("30", "2")]
    assert "Which differences are significant?" in Path("results/comparison.md").read_text(encoding="utf-8")
    again = run_cli(*arguments, "--train-sizes", "4,all", "--json")
    values = json.loads(again.out)
    assert [row["score"] for row in values["scores"]] == [float(row["score"]) for row in rows]
    assert len(values["pairs"]) == 6
    # 2 sizes × (2 trials + 2 seeds) of two embeddings, and 2 + 1 of each baseline.
    assert len(list(Path("results/outcomes").iterdir())) == 2 * 8 + 2 * 3


def test_more_test_data_gets_tables_of_its_own(task_file, run_cli):
    rows = [f"a {word} book\t{label}" for label, words in WORDS.items() for word in words]
    Path("books.tsv").write_text("\n".join(["text\tlabel", *rows, "no book\tpos"]) + "\n", encoding="utf-8")
    task_file.write_text(
        task_file.read_text(encoding="utf-8") + '[transfer]\nbooks = "books.tsv"\n', encoding="utf-8"
    )
    arguments = ("compare", "--task", task_file, "--embeddings", "tfidf,majority", "--seeds", 1)
    done = run_cli(*arguments)
    assert done.exit_code == 0, done.err
    assert "Films, tested on books" in done.out
    results = Path("films-comparison")
    assert sorted(path.name for path in (results / "books").iterdir()) == [
        "comparison.json",
        "comparison.md",
        "pairs.csv",
        "scores.csv",
        "scores.png",
    ]
    values = json.loads(run_cli(*arguments, "--json").out)
    assert [row["score"] for row in values["scores"]] == [1, 0.5]
    assert values["transfer"]["books"]["num_test_items"] == 7
    assert values["transfer"]["books"] == json.loads((results / "books/comparison.json").read_bytes())
    assert len(list((results / "outcomes").iterdir())) == 2, "the same models"


def test_the_directory_is_named_after_the_task(task_file, run_cli):
    done = run_cli("compare", "--task", task_file, "--embeddings", "majority", "--seeds", 1)
    assert done.exit_code == 0, done.err
    assert (task_file.parent / "films-comparison/comparison.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--embeddings", "glove"), "embedding: expected elmo, "),
        (("--embeddings", ","), "--embeddings: expected at least one"),
        (("--embeddings", "random", "--train-sizes", "99"), "train sizes: expected numbers from 1 to 30"),
        (("--embeddings", "word2vec"), "word2vec is trained on a text, and none is given"),
        (("--embeddings", "majority,elmo:none"), "none"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(task_file, run_cli, arguments, message):
    done = run_cli("compare", "--task", task_file, *arguments)
    assert done.exit_code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not Path("films-comparison").exists()


def test_another_directory_is_not_overwritten(task_file, run_cli):
    done = run_cli("compare", "--task", task_file, "--embeddings", "random", "-o", ".")
    assert done.exit_code == 2
    assert (
        done.err == "elmokit: .: already exists and is not a comparison: choose another directory with -o\n"
    )

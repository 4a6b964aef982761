"""Comparisons of text classifiers: the data, the counts, the baselines, real models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elmokit.downstream.comparison.classification import ClassificationExperiment
from elmokit.downstream.comparison.task import Task
from elmokit.errors import ConfigError, OverlappingTextsWarning

GOOD, BAD = ("good", "fine", "nice"), ("bad", "poor", "awful")


def write(path: Path, start: int, number: int) -> Path:
    """Sentences with a word that tells their label; words of fillers differ between the parts."""
    lines = ["text\tlabel"]
    for k in range(start, start + number):
        words, label = (GOOD, "pos") if k % 2 else (BAD, "neg")
        lines.append(f"the {words[k % 3]} film w{k}\t{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def task(tmp_path) -> Task:
    return Task(
        kind="classify",
        train=write(tmp_path / "train.tsv", 0, 40),
        dev=write(tmp_path / "dev.tsv", 100, 12),
        test=write(tmp_path / "test.tsv", 200, 12),
        model={"max_epochs": 12, "hidden_dim": 16, "fit": {"learning_rate": 0.02}, "dropout": 0.0},
    )


@pytest.mark.parametrize("name", ["random", "elmo:MODEL", "elmo:MODEL+random"])
def test_a_classifier_learns_what_can_be_learned(task, name, model_directory):
    experiment = ClassificationExperiment(task)
    system = experiment.system(name.replace("MODEL", str(model_directory("characters"))))
    assert system.embedding_seconds() > 0
    system.prepare()
    model = system.train(task.model, range(40), seed=1)
    counts = model.test_counts()["test"]
    assert counts.shape == (12, 2)
    if "random" in name:  # the parameters of the biLM are random numbers of a few directions
        assert experiment.metric.score(counts.sum(axis=0)) > 0.8
        assert model.dev_score > 0.8
    assert model.num_parameters > 100
    assert len(model.mixing_weights) == ("elmo" in name)


def test_the_same_seed_gives_the_same_model(task, model_directory):
    system = ClassificationExperiment(task).system(f"elmo:{model_directory('characters')}")
    system.prepare()
    first, again, other = (system.train(task.model, range(20), seed=seed) for seed in (1, 1, 2))
    assert first.mixing_weights == again.mixing_weights != other.mixing_weights


def test_texts_with_several_labels(task):
    multi = task.model_copy(update={"label_delimiter": "|"})
    for path in (task.train, task.dev, task.test):
        path.write_text(path.read_text(encoding="utf-8").replace("\tpos", "\tpos|film"), encoding="utf-8")
    experiment = ClassificationExperiment(multi)
    assert experiment.metric.name == "f1"
    assert set(experiment.strata) == {"film\tpos", "neg"}
    model = experiment.system("random").train(task.model, range(40), seed=1)
    assert experiment.metric.score(model.test_counts()["test"].sum(axis=0)) > 0.8
    assert model.test_counts()["test"][:, 2].tolist() == [1, 2] * 6
    with pytest.raises(ConfigError, match="tfidf: expected one label for each text, got several"):
        experiment.system("tfidf")


def test_baselines(task):
    experiment = ClassificationExperiment(task)
    tfidf = experiment.system("tfidf").train({}, range(40), seed=1)
    assert experiment.metric.score(tfidf.test_counts()["test"].sum(axis=0)) == 1
    majority = experiment.system("majority").train({}, range(39), seed=1)
    assert majority.test_counts()["test"][:, 0].tolist() == [1, 0] * 6, "most of 39 sentences are neg"
    assert experiment.system("tfidf").train({}, [1, 3], seed=1).dev_score == 0.5


@pytest.mark.parametrize(("metric", "width"), [("accuracy", 2), ("macro-f1", 6), ("f1", 3)])
def test_counts_of_each_metric(task, metric, width):
    experiment = ClassificationExperiment(task.model_copy(update={"metric": metric}))
    counts = experiment.counts(experiment.tests["test"], [("pos",)] * 12)
    assert counts.shape == (12, width)
    expected = {"accuracy": 0.5, "macro-f1": (2 / 3) / 2, "f1": 0.5}[metric]
    assert experiment.metric.score(counts.sum(axis=0)) == pytest.approx(expected)


def test_f_scores_of_one_label(task):
    experiment = ClassificationExperiment(task.model_copy(update={"metric": "f1", "positive_label": "pos"}))
    counts = experiment.counts(experiment.tests["test"], [("pos",)] * 12)
    assert experiment.metric.score(counts.sum(axis=0)) == pytest.approx(2 / 3)
    with pytest.raises(ConfigError, match="positive_label: expected one of neg, pos, got 'positive'"):
        ClassificationExperiment(task.model_copy(update={"positive_label": "positive"}))


def test_the_fingerprint_is_that_of_the_content(task):
    before = ClassificationExperiment(task).fingerprint
    assert ClassificationExperiment(task).fingerprint == before
    write(task.dev, 300, 12)
    assert ClassificationExperiment(task).fingerprint != before


def test_data_of_another_domain(task, tmp_path):
    other = write(tmp_path / "books.tsv", 300, 6)
    experiment = ClassificationExperiment(task.model_copy(update={"transfer": {"books": other}}))
    assert experiment.fingerprint != ClassificationExperiment(task).fingerprint
    counts = experiment.system("tfidf").train({}, range(40), seed=1).test_counts()
    assert {name: own[:, 0].tolist() for name, own in counts.items()} == {"test": [1] * 12, "books": [1] * 6}
    seen = task.model_copy(update={"transfer": {"books": task.train}})
    with pytest.raises(ConfigError, match="train and books are the same texts"):
        ClassificationExperiment(seen)
    write(other, 38, 6)
    with pytest.warns(OverlappingTextsWarning, match="2 of 6 texts of books are also among the training"):
        ClassificationExperiment(task.model_copy(update={"transfer": {"books": other}}))


def test_data_that_models_have_seen(task):
    with pytest.raises(ConfigError, match="train and test are the same texts"):
        ClassificationExperiment(task.model_copy(update={"test": task.train}))
    write(task.test, 38, 12)
    with pytest.warns(OverlappingTextsWarning, match="2 of 12 test texts are also among the training"):
        ClassificationExperiment(task)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rat": 1}, r"model\.learning_rat: unknown setting, did you mean 'learning_rate'"),
        ({"fit": {"max_epochs": 0}}, r"model: 1 error: fit\.max_epochs: .*greater"),
    ],
)
def test_wrong_settings_are_refused(task, settings, message):
    with pytest.raises(ConfigError, match=message):
        ClassificationExperiment(task).check_settings(settings)


def test_settings_of_vectors_have_a_table_of_their_own(task):
    with pytest.raises(ConfigError, match=r"model\.vectors: expected in the table vectors"):
        ClassificationExperiment(task.model_copy(update={"model": {"vectors": {"dim": 3}}}))


def test_vectors_of_a_bilm_are_computed_once(task, model_directory, monkeypatch):
    system = ClassificationExperiment(task).system(f"elmo:{model_directory('characters')}")
    (embedding,) = system._embeddings
    system.prepare()
    (kept,) = system._embeddings
    sentences = [["the", "fine", "film", "w1"], ["not", "there"], ["the", "poor", "film", "w4"]]
    expected = embedding.vectors(sentences)
    asked = []
    monkeypatch.setattr(embedding, "vectors", lambda own: asked.append(own) or expected[1:2])
    for own, other in zip(kept.vectors(sentences), expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)
    assert asked == [[["not", "there"]]]
    assert (kept.name, kept.dim, kept.num_layers) == (embedding.name, embedding.dim, embedding.num_layers)

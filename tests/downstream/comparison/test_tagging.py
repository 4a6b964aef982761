"""Comparisons of taggers: the data, the counts, the baseline, a real model."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmokit.downstream.comparison.tagging import TaggingExperiment
from elmokit.downstream.comparison.task import Task
from elmokit.errors import ConfigError

POS = {"the": "DET", "cat": "NOUN", "mat": "NOUN", "sat": "VERB", "ran": "VERB"}
SENTENCES = ["the cat sat", "the mat ran", "cat ran", "the mat sat", "mat sat", "the cat ran"]
NAMES = {"the": "O", "cat": "B-PER", "mat": "I-PER", "sat": "B-LOC", "ran": "O"}


@pytest.fixture
def make_task(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))

    def make(tags: dict[str, str], **settings: object) -> Task:
        paths = {}
        for k, part in enumerate(("train", "dev", "test")):
            lines = [
                "\n".join(f"{word}\t{tags.get(word, 'X')}" for word in [*sentence.split(), f"new{k}{n}"][:4])
                for n, sentence in enumerate(SENTENCES)
            ]
            paths[part] = tmp_path / f"{part}.tsv"
            paths[part].write_text("\n\n".join(lines) + "\n", encoding="utf-8")
        return Task(kind="tag", **paths, **settings)

    return make


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_a_tagger_learns_what_can_be_learned(make_task, model_directory):
    settings = {"max_epochs": 15, "hidden_dim": 8, "learning_rate": 0.05, "batch_size": 2, "dropout": 0.0}
    task = make_task(POS, model=settings)
    experiment = TaggingExperiment(task)
    system = experiment.system(f"elmo:{model_directory('characters')}")
    system.prepare()
    model = system.train({**settings, "elmo_at_output": True}, range(6), seed=1)
    counts = model.test_counts()["test"]
    assert counts.shape == (6, 2)
    assert counts[:, 1].sum() == sum(len(own) for own in experiment.tests["test"].sentences)
    assert experiment.metric.score(counts.sum(axis=0)) > 0.7
    assert model.dev_score > 0.7
    assert [name.split()[-1] for name in model.mixing_weights][1:] == ["(output)"]
    assert all(sum(weights) == pytest.approx(1) for weights in model.mixing_weights.values())


def test_the_majority_baseline_knows_the_words_of_the_training_data(make_task):
    experiment = TaggingExperiment(make_task(POS))
    model = experiment.system("majority").train({}, range(6), seed=1)
    # Only the new word of each sentence is wrong: it gets NOUN, the most frequent tag of all.
    counts = model.test_counts()["test"]
    assert (counts[:, 0] == counts[:, 1] - 1).all()
    model = experiment.system("majority").train({}, [2], seed=1)
    first = experiment.tests["test"].sentences[0]
    assert first[:3] == ["the", "cat", "sat"]
    assert model.test_counts()["test"][0].tolist() == [1, 4]


def test_spans_are_counted_as_wholes(make_task):
    experiment = TaggingExperiment(
        make_task({**NAMES, **{f"new{k}{n}": "O" for k in range(3) for n in range(6)}})
    )
    assert experiment.metric.name == "f1"
    counts = experiment.counts(
        experiment.tests["test"], [["O"] * len(own) for own in experiment.tests["test"].sentences]
    )
    assert counts[:, :2].sum() == 0
    right = experiment.counts(experiment.tests["test"], experiment.tests["test"].tags)
    assert (right[:, 0] == right[:, 2]).all()
    assert right[0].tolist() == [2, 2, 2]


def test_one_tag_can_be_counted(make_task):
    experiment = TaggingExperiment(make_task(POS, metric="f0.5", positive_label="VERB"))
    counts = experiment.counts(
        experiment.tests["test"], [["VERB"] * len(own) for own in experiment.tests["test"].sentences]
    )
    assert counts[0].tolist() == [1, 4, 1]


@pytest.mark.parametrize("metric", ["f1", "macro-f1"])
def test_a_metric_that_does_not_fit_is_refused(make_task, metric):
    with pytest.raises(ConfigError, match="metric: "):
        TaggingExperiment(make_task(POS, metric=metric))


def test_wrong_settings_are_refused(make_task):
    with pytest.raises(ConfigError, match=r"model\.encoder: unknown setting"):
        TaggingExperiment(make_task(POS)).check_settings({"encoder": "pooled"})

import random

import pytest

from elmokit.downstream.tagging.scores import score_tags
from elmokit.downstream.tagging.spans import tags_of_types


def random_tags(names, seed):
    rng = random.Random(seed)
    return [rng.choices(names, k=length) for length in (5, 1, 9, 30, 2, 0)]


def test_spans_are_scored_as_by_seqeval():
    metrics = pytest.importorskip("seqeval.metrics")
    names = tags_of_types(["PER", "LOC"], "BIO")
    gold = random_tags(names, 0)
    rng = random.Random(2)
    predicted = [[rng.choice(names) if rng.random() < 0.3 else tag for tag in tags] for tags in gold]
    found = score_tags(gold, predicted)
    assert found.spans is not None
    assert 0.2 < found.spans.f1 < 0.95
    assert found.spans.f1 == found.main == pytest.approx(metrics.f1_score(gold, predicted))
    assert found.spans.precision == pytest.approx(metrics.precision_score(gold, predicted))
    assert found.spans.recall == pytest.approx(metrics.recall_score(gold, predicted))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(gold, predicted))
    report = metrics.classification_report(gold, predicted, output_dict=True)
    for type_, score in found.by_label.items():
        expected = report[type_]
        assert (score.precision, score.recall, score.f1, score.support) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
        )
    assert found.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])


def test_tags_are_scored_as_by_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    names = ["NOUN", "VERB", "DET"]
    gold, predicted = random_tags(names, 0), random_tags(names, 1)
    found = score_tags(gold, predicted)
    flat = [[tag for tags in both for tag in tags] for both in (gold, predicted)]
    report = metrics.classification_report(*flat, output_dict=True)
    assert found.spans is None
    assert found.main == found.accuracy == pytest.approx(report["accuracy"])
    for tag in names:
        assert found.by_label[tag].f1 == pytest.approx(report[tag]["f1-score"])
        assert found.by_label[tag].support == report[tag]["support"]
    matrix = metrics.confusion_matrix(*flat, labels=names)
    for (tag, guess), count in found.confusions.items():
        assert matrix[names.index(tag), names.index(guess)] == count
    assert list(found.confusions.values()) == sorted(found.confusions.values(), reverse=True)


def test_a_tag_that_the_data_has_not():
    found = score_tags([["A", "A"]], [["A", "B"]])
    assert (found.by_label["B"].support, found.by_label["B"].predicted, found.by_label["B"].f1) == (0, 1, 0.0)
    assert found.macro_f1 == found.by_label["A"].f1 == pytest.approx(2 / 3)
    assert found.as_dict()["confusions"] == [{"tag": "A", "predicted": "B", "count": 1}]


def test_nothing_to_score():
    found = score_tags([], [])
    assert (found.accuracy, found.sentence_accuracy, found.main, found.macro_f1) == (0.0, 0.0, 0.0, 0.0)
    assert score_tags([[]], [[]]).sentence_accuracy == 1.0

"""ElmoTextClassifier in scikit-learn's own machinery."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from elmokit.errors import ConfigError, ElmokitError, ElmokitWarning, ModelFileError
from elmokit.integrations.scikit_learn import ElmoTextClassifier

GOOD, BAD = ("good", "fine", "nice"), ("bad", "poor", "awful")
TEXTS = [f"the {(GOOD, BAD)[k % 2][k % 3]} film w{k}" for k in range(30)]
LABELS = [("pos", "neg")[k % 2] for k in range(30)]
FAST = {"max_epochs": 8, "hidden_dim": 8, "learning_rate": 0.05, "dev_share": 0.2, "dropout": 0.0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "labels", [LABELS, [label == "pos" for label in LABELS], [k % 2 + 9 for k in range(30)]]
)
def test_labels_of_any_type(labels):
    classifier = ElmoTextClassifier("random", **FAST).fit(TEXTS, labels)
    predicted = classifier.predict(TEXTS)
    assert predicted.dtype == np.array(labels).dtype
    assert classifier.score(TEXTS, labels) > 0.9
    probabilities = classifier.predict_proba(TEXTS[:3])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(classifier.classes_) == sorted(set(labels))


def test_a_pickle_has_what_was_learned_and_not_the_bilm(model_directory):
    path = model_directory("characters")
    classifier = ElmoTextClassifier(f"elmo:{path}", **FAST).fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_allclose(again.predict_proba(TEXTS), expected, atol=1e-6)
    assert again.mixing_weights_ == classifier.mixing_weights_
    assert pickle.loads(pickle.dumps(again)).mixing_weights_ == classifier.mixing_weights_
    pickled = pickle.dumps(classifier)
    Path(path / "weights.hdf5").unlink()
    with pytest.raises(ModelFileError):
        pickle.loads(pickled).predict(TEXTS)


def test_a_grid_search_and_clones():
    search = GridSearchCV(ElmoTextClassifier("random", **FAST), {"max_epochs": [1, 8]}, cv=2)
    search.fit(TEXTS, LABELS)
    assert search.best_params_ == {"max_epochs": 8}
    assert not hasattr(clone(search.best_estimator_), "classes_")


def test_mistakes():
    with pytest.raises(NotFittedError):
        ElmoTextClassifier().predict(TEXTS)
    with pytest.raises(ConfigError, match=r"2 errors: dropout: .*; dev_share: "):
        ElmoTextClassifier("random", dropout=1.5, dev_share=0.0).fit(TEXTS, LABELS)
    with pytest.raises(ElmokitError, match=r"texts\[1\]"):
        ElmoTextClassifier("random").fit(["a", 3], LABELS[:2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ElmoTextClassifier("random").fit(TEXTS, LABELS[:2])


class ClassifierOfNumbers(ElmoTextClassifier):
    """Reads each number of a row as a token, so that the checks of scikit-learn apply."""

    def fit(self, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ElmokitWarning)  # rows that occur twice
            return super().fit(_tokens(self, X, y=y), validate_data(self, X, y)[1])

    def predict_proba(self, X):
        return super().predict_proba(_tokens(self, X, reset=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        return tags


def _tokens(estimator, X, **options):
    found = validate_data(estimator, X, **options)
    rows = found[0] if isinstance(found, tuple) else found
    return [[f"{x:.3g}" for x in row] for row in rows]


# The list in docs/integrations.md, with the reasons.
NOT_PASSED = {"check_classifiers_train": "expects to learn from the size of numbers"}


@pytest.mark.slow
@parametrize_with_checks(
    [ClassifierOfNumbers("random", max_epochs=2, hidden_dim=4)],
    expected_failed_checks=lambda estimator: NOT_PASSED,
)
def test_the_checks_of_scikit_learn_for_numbers(estimator, check):
    check(estimator)

"""ElmoVectorizer in scikit-learn's own machinery."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
    parametrize_with_checks,
)
from sklearn.utils.validation import validate_data

from elmokit import ElmoEmbedder, load
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.integrations.scikit_learn import ElmoVectorizer

SENTENCES = ["the cat sat", "", "on the mat .", "the mat", "cat sat on mat", "a dog", "the end .", "sat sat"]
LABELS = [1, 0, 1, 0, 1, 0, 0, 1]


@pytest.fixture
def model(model_directory: Callable[[str], Path]) -> Path:
    return model_directory("characters")


@pytest.mark.parametrize("layers", ["average", "top", 0, -1])
@pytest.mark.parametrize("pooling", ["mean", "max", "first", "last"])
def test_vectors_are_those_of_the_embedder(model, layers, pooling):
    own = ElmoVectorizer(model, layers=layers, pooling=pooling).fit_transform(SENTENCES)
    expected = ElmoEmbedder.load(model).embed(SENTENCES, layers, pooling=pooling)
    np.testing.assert_array_equal(own, np.stack(expected))
    assert own.dtype == np.float32


def test_several_poolings_and_all_layers_are_joined(model):
    embedder = ElmoEmbedder.load(model)
    own = ElmoVectorizer(model, layers="all", pooling=("mean", "max")).fit_transform(SENTENCES)
    mean, largest = (
        np.stack([v.ravel() for v in embedder.embed(SENTENCES, pooling=p)]) for p in ("mean", "max")
    )
    np.testing.assert_array_equal(own, np.hstack([mean, largest]))


def test_layers_are_mixed_before_they_are_pooled(model):
    weights = np.array([0.5, -1.0, 2.0], np.float32)
    own = ElmoVectorizer(model, layers=list(weights), pooling="max").transform(SENTENCES)
    for row, vectors in zip(own, ElmoEmbedder.load(model).embed(SENTENCES), strict=True):
        mixed = (weights[:, None, None] * vectors).sum(axis=0)
        np.testing.assert_allclose(row, mixed.max(axis=0) if len(mixed) else 0 * row, atol=1e-5)


def test_tokens_strings_and_a_tokenizer(model):
    split = [sentence.split() for sentence in SENTENCES]
    vectorizer = ElmoVectorizer(model)
    np.testing.assert_array_equal(vectorizer.transform(SENTENCES), vectorizer.transform(split))
    np.testing.assert_array_equal(
        ElmoVectorizer(model, tokenizer=str.split).transform(np.array(SENTENCES, object)),
        vectorizer.transform(SENTENCES),
    )
    assert vectorizer.transform([]).shape == (0, 32)


def test_names_of_features_and_data_frames(model):
    vectorizer = ElmoVectorizer(model).fit(SENTENCES)
    assert list(vectorizer.get_feature_names_out()[:2]) == ["elmovectorizer0", "elmovectorizer1"]
    assert len(vectorizer.get_feature_names_out()) == vectorizer.transform(SENTENCES[:1]).shape[1]


def test_a_pipeline_joins_vectors_with_sparse_counts(model):
    features = make_union(TfidfVectorizer(), ElmoVectorizer(model))
    pipeline = make_pipeline(features, LogisticRegression()).fit(SENTENCES, LABELS)
    assert pipeline.predict(SENTENCES).shape == (8,)
    assert features.transform(SENTENCES).format == "csr"


def test_a_grid_search_with_several_workers(model):
    pipeline = Pipeline([("elmo", ElmoVectorizer(model)), ("classifier", LogisticRegression())])
    search = GridSearchCV(pipeline, {"elmo__layers": ["top", [1, 0, 0]]}, cv=2, n_jobs=2)
    with joblib.parallel_config(backend="threading"):
        search.fit(SENTENCES, LABELS)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(cross_val_score(search.best_estimator_, SENTENCES, LABELS, cv=2, n_jobs=2)) == 2


def test_a_pickle_has_no_parameters_of_the_model_and_still_works(model):
    vectorizer = ElmoVectorizer(model)
    expected = vectorizer.fit_transform(SENTENCES)
    pickled = pickle.dumps(vectorizer)
    assert len(pickled) < 1000
    assert joblib.hash(vectorizer) == joblib.hash(clone(vectorizer).fit(SENTENCES)), "joblib.Memory finds it"
    np.testing.assert_array_equal(pickle.loads(pickled).transform(SENTENCES), expected)


def test_a_clone_shares_the_loaded_model_and_nothing_else(model, monkeypatch):
    vectorizer = ElmoVectorizer(model, layers="top").fit(SENTENCES)
    monkeypatch.setattr("elmokit.integrations.scikit_learn.vectorizer.load", None)
    copy = clone(vectorizer)
    assert not hasattr(copy, "fingerprint_")
    np.testing.assert_array_equal(copy.fit_transform(SENTENCES), vectorizer.transform(SENTENCES))


def test_another_model_at_the_same_path_is_refused(model, make_config, make_model):
    from elmokit.formats.bilm_hdf5 import write_weights

    vectorizer = ElmoVectorizer(model)
    before = vectorizer.fit_transform(SENTENCES)
    changed = load(model).model
    for parameter in changed.parameters():
        parameter.data.mul_(0.5)
    write_weights(model / "weights.hdf5", make_config("characters").model, changed.state_dict())
    with pytest.raises(ModelFileError, match="not the model that the vectorizer was fitted with"):
        vectorizer.transform(SENTENCES)
    assert not np.array_equal(vectorizer.fit_transform(SENTENCES), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 3}, r"layers: expected all, top, average or 0 to 2, got 3"),
        ({"layers": [1, 2]}, r"layers: expected one weight for each of 3 layers, got \[1, 2\]"),
        ({"layers": [1, 2, np.nan]}, r"layers: expected one weight"),
        ({"pooling": "sum"}, r"pooling: expected mean, max, first, last or None, got 'sum'"),
        ({"pooling": []}, r"pooling: expected mean, max, first or last, or several, got \[\]"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_wrong_settings_are_refused_by_fit(model, settings, message):
    with pytest.raises(ConfigError, match=message):
        ElmoVectorizer(model, **settings).fit(SENTENCES)


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("one sentence", "expected a list of sentences"),
        (["a", None], r"X\[1\]"),
        ([["a", 3]], r"X\[0\]\[1\]"),
    ],
)
def test_wrong_sentences_are_refused(model, sentences, message):
    with pytest.raises(ElmokitError, match=message):
        ElmoVectorizer(model, tokenizer=str.split).fit_transform(sentences)


class VectorizerOfNumbers(ElmoVectorizer):
    """Reads each number of a row as a token, so that the checks of scikit-learn apply."""

    def fit(self, X, y=None):
        return super().fit(validate_data(self, X))

    def transform(self, X):
        return super().transform([[f"{x:.3g}" for x in row] for row in validate_data(self, X, reset=False)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        return tags


@pytest.mark.slow
@parametrize_with_checks([VectorizerOfNumbers()])
def test_the_checks_of_scikit_learn_for_numbers(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_estimator_tags_renamed,
        check_get_params_invariance,
        check_mixin_order,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
        check_valid_tag_types,
    ],
)
def test_the_checks_of_scikit_learn_that_need_no_data(check):
    check("ElmoVectorizer", ElmoVectorizer())

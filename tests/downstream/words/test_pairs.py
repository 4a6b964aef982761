import random

import numpy as np
import pytest

from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.words.pair_data import Pairs
from elmokit.downstream.words.pair_scores import pair_scores
from elmokit.downstream.words.pair_settings import PairSettings
from elmokit.downstream.words.pairs import PairModel
from elmokit.downstream.words.tables import Occurrence
from elmokit.errors import ConfigError, ElmokitError, ModelFileError

SETTINGS = PairSettings(max_epochs=15, patience=6, hidden_dim=8, learning_rate=0.01, dropout=0.1)


def word_pairs(num_pairs, seed, name="pairs"):
    """A word is used in the same way if the word before it is the same."""
    rng = random.Random(seed)
    first, second, targets = [], [], []
    for _ in range(num_pairs):
        word, *before = rng.choice("xyz"), rng.choice("abcd"), rng.choice("abcd")
        if rng.random() < 0.4:
            before[1] = before[0]
        first.append(Occurrence([before[0], word], 1))
        second.append(Occurrence(["and", before[1], word], 2))
        targets.append(float(before[0] == before[1]))
    return Pairs(name, first, second, np.array(targets), "label")


def sentence_pairs(num_pairs, seed, name="pairs"):
    """The score is the share of words that two sentences have in common."""
    rng = random.Random(seed)
    words = [f"w{k}" for k in range(40)]
    first, second, targets = [], [], []
    for _ in range(num_pairs):
        common, rest = rng.randint(0, 6), rng.sample(words, 18)
        first.append(Occurrence(rest[:common] + rest[6 : 12 - common], None))
        second.append(Occurrence(rest[:common] + rest[12 : 18 - common], None))
        targets.append(common / 6)
    return Pairs(name, first, second, np.array(targets), "score")


@pytest.mark.parametrize("method", ["cosine", "classifier"])
def test_words_in_the_same_sense(context, method):
    model = PairModel.train(
        word_pairs(150, 0), word_pairs(40, 1), [context], method=method, settings=SETTINGS
    )
    scores = model.evaluate(word_pairs(60, 2))
    assert scores["accuracy"] > 0.9
    assert scores["low"] < scores["accuracy"] <= scores["high"]
    assert model.dev_scores["accuracy"] > 0.9
    predicted = model.predict(word_pairs(60, 2))
    assert ((predicted >= 0) & (predicted <= 1)).all()


@pytest.mark.parametrize("method", ["cosine", "classifier"])
def test_similarity_of_sentences(method):
    embedding = RandomEmbedding(dim=24)
    model = PairModel.train(
        sentence_pairs(150, 0), sentence_pairs(40, 1), [embedding], method=method, settings=SETTINGS
    )
    assert model.evaluate(sentence_pairs(60, 2))["spearman"] > 0.6


def test_the_threshold_is_the_best_one(context):
    train = word_pairs(40, 3)
    model = PairModel.train(train, word_pairs(9, 4), [context], method="cosine")
    from elmokit.downstream.progress import no_progress
    from elmokit.downstream.words.pairs import _cosines, _pair_layers

    cosines = _cosines(_pair_layers([context], train, no_progress))
    best = max(
        ((cosines[:, column] >= threshold) == train.targets).mean()
        for column in range(cosines.shape[1])
        for threshold in [*cosines[:, column], 2.0]
    )
    assert pair_scores(model.predict(train), train.targets, "label")["accuracy"] == best


def test_figures_are_those_of_scipy_and_scikit_learn():
    stats, metrics = pytest.importorskip("scipy.stats"), pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    predicted, targets = rng.random(50).round(1), rng.random(50).round(1)
    scores = pair_scores(predicted, targets, "score")
    assert scores["spearman"] == pytest.approx(stats.spearmanr(predicted, targets).statistic)
    assert scores["pearson"] == pytest.approx(stats.pearsonr(predicted, targets).statistic)
    labels = (targets > 0.4).astype(float)
    scores = pair_scores(predicted, labels, "label")
    says = predicted >= 0.5
    assert scores["f1"] == pytest.approx(metrics.f1_score(labels, says))
    interval = stats.binomtest(int((says == labels).sum()), 50).proportion_ci(method="wilson")
    assert (scores["low"], scores["high"]) == pytest.approx((interval.low, interval.high))
    assert pair_scores(np.ones(3), np.arange(3.0), "score")["spearman"] == 0.0


@pytest.mark.parametrize("method", ["cosine", "classifier"])
@pytest.mark.parametrize("make", [word_pairs, sentence_pairs])
def test_a_saved_model_is_the_same(tmp_path, method, make):
    settings = SETTINGS.model_copy(update={"max_epochs": 1})
    model = PairModel.train(make(20, 0), make(9, 1), [RandomEmbedding()], method=method, settings=settings)
    model.save(tmp_path / "pairs")
    loaded = PairModel.load(tmp_path / "pairs")
    assert np.array_equal(loaded.predict(make(9, 2)), model.predict(make(9, 2)))
    assert loaded.dev_scores == model.dev_scores
    assert "RandomEmbedding" not in (tmp_path / "pairs" / "README.md").read_text()


def test_the_same_seed_gives_the_same_model(context):
    first, second = (
        PairModel.train(word_pairs(30, 0), word_pairs(9, 1), [context], settings=SETTINGS) for _ in range(2)
    )
    assert np.array_equal(first.predict(word_pairs(9, 2)), second.predict(word_pairs(9, 2)))


def test_what_does_not_fit(context, tmp_path):
    train = word_pairs(20, 0, "train.tsv")
    with pytest.raises(ElmokitError, match=r"dev\.tsv: the same pairs as train\.tsv"):
        PairModel.train(train, word_pairs(20, 0, "dev.tsv"), [context])
    with pytest.raises(ElmokitError, match=r"dev\.tsv: other columns than train\.tsv"):
        PairModel.train(train, sentence_pairs(20, 0, "dev.tsv"), [context])
    with pytest.raises(ConfigError, match="method: expected cosine or classifier"):
        PairModel.train(train, word_pairs(9, 1), [context], method="svm")
    model = PairModel.train(train, word_pairs(9, 1), [RandomEmbedding()], method="cosine")
    with pytest.raises(ElmokitError, match=r"expected words with index1 and index2, .* got sentences"):
        model.predict(sentence_pairs(3, 0))
    model.save(tmp_path / "pairs")
    (tmp_path / "pairs" / "config.json").write_text("{}")
    with pytest.raises(ModelFileError):
        PairModel.load(tmp_path / "pairs")

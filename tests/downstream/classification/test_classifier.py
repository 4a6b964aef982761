from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

import elmokit
from elmokit.downstream.classification.classifier import TextClassifier
from elmokit.downstream.classification.report import report
from elmokit.downstream.embeddings.elmo import ElmoEmbedding
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import (
    ConfigError,
    ElmokitError,
    MissingModelError,
    ModelFileError,
    OverlappingTextsWarning,
    UnseenLabelsWarning,
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def classifier(random_words, settings, texts, dev) -> TextClassifier:
    return TextClassifier(random_words, settings=settings()).fit(*texts, dev)


@pytest.mark.parametrize("encoder", ["pooled", "bilstm"])
def test_it_learns(random_words, settings, texts, dev, test, encoder):
    classifier = TextClassifier(random_words, settings=settings(encoder=encoder)).fit(*texts, dev)
    found = classifier.evaluate(*test)
    assert found.accuracy > 0.85
    assert classifier.labels == ["neg", "pos"]
    probabilities = classifier.predict_proba(test[0])
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert classifier.predict(test[0]) == [classifier.labels[k] for k in probabilities.argmax(axis=1)]


def test_a_run_is_the_same_every_time(random_words, settings, texts, test):
    first, second, other = (
        TextClassifier(random_words, settings=settings(max_epochs=2, seed=seed)).fit(*texts)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.predict_proba(test[0]), second.predict_proba(test[0]))
    assert not np.array_equal(first.predict_proba(test[0]), other.predict_proba(test[0]))
    assert first.training["num_dev"] == 12
    assert first.training["dev_is_split_off"]


@pytest.mark.parametrize("encoder", ["pooled", "bilstm"])
def test_a_text_has_the_same_probabilities_alone_and_among_others(
    random_words, settings, texts, dev, encoder
):
    classifier = TextClassifier(random_words, settings=settings(encoder=encoder, max_epochs=1)).fit(
        *texts, dev
    )
    some = ["", "bad film", "good " * 30, "w1"]
    together = classifier.predict_proba(some)
    for text, own in zip(some, together, strict=True):
        assert np.allclose(classifier.predict_proba([text])[0], own, atol=1e-6)
    assert np.isfinite(together).all()


def test_elmo_is_embedded_once_and_its_mixture_learned(elmo, settings, texts, dev, monkeypatch):
    own_settings = settings(max_epochs=2, learning_rate=0.05)
    first = TextClassifier([elmo], settings=own_settings).fit(*texts, dev)
    (weights,) = first.mixing_weights().values()
    assert sum(weights) == pytest.approx(1)
    assert weights != pytest.approx([1 / 3] * 3)
    with monkeypatch.context() as patch:
        patch.setattr(elmo, "vectors", lambda sentences: pytest.fail("embedded again"))
        TextClassifier([elmo], settings=own_settings).fit(*texts, dev)


def test_fine_tuning_changes_the_bilm_and_is_saved(model_directory, settings, texts, dev, tmp_path):
    name = f"elmo:{model_directory('characters')}"
    some = [own[:30] for own in texts]
    classifier = TextClassifier(name, settings=settings(max_epochs=1, fine_tune=True)).fit(*some, dev)
    before = classifier.embeddings[0].embedder.model.state_dict()
    after = classifier.fitted.network.inputs.parts[0].bilm.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in after)
    classifier.save(tmp_path / "saved")
    again = TextClassifier.load(tmp_path / "saved")
    assert np.allclose(again.predict_proba(dev[0]), classifier.predict_proba(dev[0]), atol=1e-6)
    with pytest.raises(ConfigError, match="there is no biLM to train"):
        TextClassifier("random", settings=settings(fine_tune=True))


def test_a_saved_one_says_what_it_is(classifier, tmp_path):
    classifier.save(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["labels"] == ["neg", "pos"]
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card
    assert f"{classifier.training['dev_accuracy']:.4f}" in card


def test_the_loaded_one_is_the_same(settings, texts, dev, test, tmp_path):
    classifier = TextClassifier("random", settings=settings(max_epochs=2)).fit(*texts, dev)
    classifier.save(tmp_path / "saved")
    again = elmokit.TextClassifier.load(tmp_path / "saved")
    assert np.array_equal(again.predict_proba(test[0]), classifier.predict_proba(test[0]))
    assert again.training == classifier.training
    assert repr(again) == "TextClassifier('random', encoder='pooled', labels=['neg', 'pos'])"
    again.save(tmp_path / "saved")  # an earlier one may be replaced
    with pytest.warns(
        OverlappingTextsWarning, match="120 of 120 evaluated texts .* number 1: scores on them"
    ):
        again.evaluate(*texts)


def test_another_model_is_refused(model_directory, settings, texts, dev, tmp_path):
    model = model_directory("characters")
    some = [own[:30] for own in texts]
    TextClassifier(f"elmo:{model}", settings=settings(max_epochs=1)).fit(*some, dev).save(tmp_path / "saved")
    model.rename(tmp_path / "moved")
    with pytest.raises(MissingModelError, match=r"which is not there .* pass where it is now"):
        TextClassifier.load(tmp_path / "saved")
    TextClassifier.load(tmp_path / "saved", f"elmo:{tmp_path}/moved")
    other = model_directory("words")
    with pytest.raises(ModelFileError, match="trained with other vectors than those of elmo:"):
        TextClassifier.load(tmp_path / "saved", f"elmo:{other}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config["settings"].update(encoder="glow"), "config.json: damaged"),
        (lambda config: config["settings"].update(hidden_dim=9), "the weights do not fit config.json"),
        (lambda config: config["labels"].append("more"), "the weights do not fit config.json"),
        (lambda config: config.pop("training"), "config.json: damaged"),
    ],
)
def test_a_damaged_directory_is_one_line(settings, texts, tmp_path, change, message):
    TextClassifier("random", settings=settings(max_epochs=1)).fit(*texts).save(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    (tmp_path / "saved" / "checksums.txt").unlink()
    with pytest.raises(ModelFileError, match=message):
        TextClassifier.load(tmp_path / "saved")


def test_several_labels_a_text(random_words, settings, texts, dev, tmp_path):
    labels = [[own, "long"] if len(text.split()) > 5 else [own] for text, own in zip(*texts, strict=True)]
    labels[0] = []
    classifier = TextClassifier(random_words, settings=settings(max_epochs=10)).fit(texts[0], labels)
    assert classifier.labels == ["long", "neg", "pos"]
    assert classifier.is_multi_label
    found = classifier.predict(["good film", "bad " * 6])
    assert "pos" in found[0]
    assert isinstance(found[1], list)
    scores = classifier.evaluate(["good film"], [["pos"]])
    assert scores.confusion is None
    assert 0 <= scores.calibration_error <= 1
    with pytest.raises(ElmokitError, match=r"evaluated labels\[0\]: expected a list of labels, got 'pos'"):
        classifier.evaluate(["good film"], ["pos"])


def test_a_long_document_is_read_in_pieces(random_words, settings, texts, dev):
    classifier = TextClassifier(random_words, settings=settings(max_tokens=7)).fit(*texts, dev)
    document = "good " * 100_000 + "bad"
    (found,) = classifier.iter_predict([document])
    assert found.labels == ("pos",)
    lengths = []
    embedding = random_words[0]
    original = embedding.vectors
    embedding.vectors = lambda sentences: lengths.extend(map(len, sentences)) or original(sentences)
    classifier.predict([document])
    assert max(lengths) == 7
    assert sum(lengths) == 100_001


def test_pieces_of_a_text_count_as_one_text(random_words, settings, texts, dev):
    documents = [f"{text} " * 5 for text in texts[0]]
    classifier = TextClassifier(random_words, settings=settings(max_tokens=8)).fit(documents, texts[1], dev)
    assert classifier.training["dev_accuracy"] > 0.7


def test_balanced_labels_are_found_though_rare(random_words, settings):
    rng = np.random.default_rng(0)
    noise = [" ".join(f"w{k}" for k in rng.integers(0, 30, 4)) for _ in range(200)]
    labels = ["rare" if k % 20 == 0 else "common" for k in range(200)]
    found = []
    dev = [f"{text} other" for text in noise[:20]], labels[:20]
    for is_balanced in (False, True):
        own = settings(max_epochs=1, balanced=is_balanced)
        found.append(TextClassifier(random_words, settings=own).fit(noise, labels, dev))
    plain, balanced = (own.predict(noise).count("rare") for own in found)
    assert plain == 0
    assert balanced > 20


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b"], ["x", "x"], "all have the label 'x', expected at least two different labels"),
        (["a", "b"], [[], []], "none has a label, expected at least one label"),
        (["a"], ["x", "y"], "expected a label for each of 1 training texts, got 2"),
        ([], [], "none has a label"),
        (["a", 3], ["x", "y"], r"texts\[1\]: expected a list of tokens"),
        (["a", "b"], ["x", "y"], "2 training texts with 2 labels are too few to split dev texts off"),
        (["", " "] * 20, ["x", "y"] * 20, "too few to split"),
        (["a", "b"], ["x", ["y"]], r"labels\[1\]: expected one label, got \['y'\]"),
    ],
)
def test_texts_that_cannot_be_learned(random_words, texts, labels, message):
    with pytest.raises(ElmokitError, match=message):
        TextClassifier(random_words).fit(texts, labels)


def test_texts_without_tokens(random_words):
    with pytest.raises(ConfigError, match="the training texts have no tokens"):
        TextClassifier(random_words).fit(["", ""], ["x", "y"], (["a"], ["x"]))


def test_labels_that_were_not_learned(classifier, random_words, settings, texts, dev):
    with pytest.warns(UnseenLabelsWarning, match=r"evaluated texts that .* cannot predict: new \(1\)"):
        found = classifier.evaluate(["good one", "a b"], ["pos", "new"])
    assert found.unseen_labels == {"new": 1}
    assert found.accuracy <= 0.5
    with pytest.raises(ElmokitError, match=r"other labels \(x\) than .* was trained for \(neg, pos\)"):
        classifier.evaluate(["good one"], ["x"])
    with pytest.warns(UnseenLabelsWarning, match="dev texts"):
        TextClassifier(random_words, settings=settings(max_epochs=1)).fit(
            *texts, (["a", "b"], ["pos", "new"])
        )


def test_dev_texts_that_are_training_texts(random_words, settings, texts):
    with pytest.warns(OverlappingTextsWarning, match="120 of 120 dev texts are among the training texts"):
        TextClassifier(random_words, settings=settings(max_epochs=1)).fit(*texts, texts)


def test_it_must_be_trained_first(random_words):
    classifier = TextClassifier(random_words)
    assert repr(classifier) == "TextClassifier('random', encoder='pooled', not trained)"
    with pytest.raises(ElmokitError, match="not trained yet: call fit"):
        classifier.predict(["a"])


def test_the_temperature_lowers_the_calibration_loss(random_words, settings, texts, dev):
    classifier = TextClassifier(random_words, settings=settings(max_epochs=20)).fit(*texts, dev)
    labels = [(label,) for label in dev[1]]
    label_set = classifier.fitted.label_set

    def likelihood(probabilities):
        return np.log(probabilities[label_set.targets(labels).astype(bool)]).mean()

    scaled = classifier.predict_proba(dev[0])
    plain = scaled ** classifier.training["temperature"]
    plain /= plain.sum(axis=1, keepdims=True)
    assert likelihood(scaled) >= likelihood(plain)
    error = report(label_set, labels, scaled).calibration_error
    assert error == pytest.approx(classifier.training["calibration_error"], abs=1e-6)


def test_punctuation_may_be_split_off(random_words, settings, texts, dev):
    classifier = TextClassifier(random_words, settings=settings(tokenize="punctuation")).fit(*texts, dev)
    assert np.array_equal(*(classifier.predict_proba([own]) for own in ("It's good!", "It ' s good !")))


def test_nothing_is_printed_and_no_warning_given(random_words, settings, texts, dev, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TextClassifier(random_words, settings=settings(max_epochs=1)).fit(*texts, dev)
    assert capsys.readouterr() == ("", "")


def test_a_long_document_through_elmo_in_bounded_memory(model_directory, settings, texts, dev):
    elmo = ElmoEmbedding(ElmoEmbedder.load(model_directory("characters")), "elmo:made")
    own_settings = settings(max_epochs=1, max_tokens=50)
    some = [own[:30] for own in texts]
    classifier = TextClassifier([elmo], settings=own_settings).fit(*some, dev)
    (found,) = classifier.predict_proba(["good film " * 1500])
    assert found.sum() == pytest.approx(1)


class Column:
    """A column of a table, whose rows have other numbers than their places."""

    def __init__(self, values):
        self.rows = {7 + 2 * place: value for place, value in enumerate(values)}

    def __iter__(self):
        return iter(self.rows.values())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        return self.rows[key]


def test_columns_of_tables_and_single_strings(random_words, settings, texts, test):
    first = TextClassifier(random_words, settings=settings(max_epochs=1)).fit(*texts)
    second = TextClassifier(random_words, settings=settings(max_epochs=1)).fit(*map(Column, texts))
    assert np.array_equal(first.predict_proba(test[0]), second.predict_proba(Column(test[0])))
    assert first.evaluate(*test).accuracy == second.evaluate(*map(Column, test)).accuracy
    with pytest.raises(ElmokitError, match="got the single string 'good film': put it in a list"):
        first.predict("good film")

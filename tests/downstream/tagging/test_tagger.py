import json

import numpy as np
import pytest
import torch

from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.spans import as_bioes, faults
from elmokit.downstream.tagging.tagger import SequenceTagger
from elmokit.errors import ConfigError, ElmokitError, ModelFileError, OutputError

SETTINGS = TaggerSettings(
    hidden_dim=8, learning_rate=0.03, max_epochs=6, patience=3, batch_size=8, dropout=0.1
)


@pytest.fixture(scope="module")
def tagger(train_data, dev_data):
    embedding = RandomEmbedding(dim=12)
    return SequenceTagger.train(*train_data, *dev_data, embedding=[embedding], settings=SETTINGS)


def test_it_learns(tagger, dev_data):
    scores = tagger.evaluate(*dev_data)
    assert scores.spans.f1 == tagger.history["dev_score"] > 0.95
    assert tagger.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert tagger.predict(["in New York", [], ["Ms", "May", "runs"]]) == [
        ["O", "B-LOC", "I-LOC"],
        [],
        ["O", "B-PER", "O"],
    ]


def test_probabilities_are_the_marginals_of_all_tags(tagger, dev_data):
    found = list(tagger.predict_iter([*dev_data[0], []], batch_size=3))
    assert [own.tags for own in found] == tagger.predict([*dev_data[0], []])
    for own, tokens in zip(found, [*dev_data[0], []], strict=True):
        assert own.probabilities.shape == (len(tokens), 5)
        np.testing.assert_allclose(own.probabilities.sum(1), 1, atol=1e-6)
    assert found[0].probabilities.max(axis=1).min() > 0.5


def test_predictions_do_not_depend_on_their_neighbors(tagger, dev_data):
    alone = [next(tagger.predict_iter([tokens])).probabilities for tokens in dev_data[0]]
    together = [own.probabilities for own in tagger.predict_iter(dev_data[0], batch_size=64)]
    for left, right in zip(alone, together, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def test_the_same_seed_gives_the_same_tagger(tagger, train_data, dev_data):
    torch.rand(5)  # random numbers of others
    again = SequenceTagger.train(
        *train_data, *dev_data, embedding=[RandomEmbedding(dim=12)], settings=SETTINGS
    )
    for name, tensor in tagger.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert again.history == tagger.history


def test_a_saved_tagger_is_the_same(tagger, dev_data, tmp_path):
    tagger.save(tmp_path / "tagger")
    tagger.save(tmp_path / "tagger")  # an earlier one is replaced
    loaded = SequenceTagger.load(tmp_path / "tagger", embedding=[RandomEmbedding(dim=12)])
    for own, other in zip(tagger.predict_iter(dev_data[0]), loaded.predict_iter(dev_data[0]), strict=True):
        assert np.array_equal(own.probabilities, other.probabilities)
    assert (loaded.tag_set, loaded.settings, loaded.history) == (
        tagger.tag_set,
        tagger.settings,
        tagger.history,
    )
    card = (tmp_path / "tagger" / "README.md").read_text()
    assert "`B-PER`" in card
    assert "span F1 on 20 dev sentences" in card


def test_other_vectors_are_refused(tagger, tmp_path):
    tagger.save(tmp_path / "tagger")
    with pytest.raises(ModelFileError, match="trained with other vectors"):
        SequenceTagger.load(tmp_path / "tagger", embedding=[RandomEmbedding(dim=12, seed=1)])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tags", ["O", 1], "tags: expected a list of tags"),
        ("tags", ["O"], "the weights do not fit config.json"),
        ("scheme", "IOB", "scheme: expected BIO, BIOES or null, got 'IOB'"),
        ("settings", {"hidden_dim": -1}, "settings: 1 error: hidden_dim"),
        ("settings", {"hidden_size": 3}, "did you mean 'hidden_dim'"),
    ],
)
def test_a_damaged_configuration(tagger, tmp_path, key, value, message):
    tagger.save(tmp_path / "tagger")
    path = tmp_path / "tagger" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    (tmp_path / "tagger" / "checksums.json").unlink(missing_ok=True)
    for checksums in (tmp_path / "tagger").glob("*sum*"):
        checksums.unlink()
    with pytest.raises(ModelFileError, match=message):
        SequenceTagger.load(tmp_path / "tagger", embedding=[RandomEmbedding(dim=12)])


def test_what_is_there_is_not_replaced(tagger, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        tagger.save(tmp_path)


def test_elmo_at_input_and_output(elmo, train_data, dev_data, tmp_path):
    settings = SETTINGS.model_copy(update={"elmo_at_output": True, "max_epochs": 1})
    embeddings = [RandomEmbedding(dim=3), elmo]
    tagger = SequenceTagger.train(
        *train_data, *dev_data, embedding=embeddings, settings=settings, cache_dir=tmp_path / "cache"
    )
    weights = tagger.mixing_weights()
    assert [own is None for own in weights["input"]] == [True, False]
    (at_output,) = weights["output"]
    assert sum(at_output) == pytest.approx(1)
    assert at_output != pytest.approx(weights["input"][1], abs=1e-6), "two mixtures"
    assert tagger.network.emissions.in_features == 2 * settings.hidden_dim + elmo.dim
    tagger.save(tmp_path / "tagger")
    loaded = SequenceTagger.load(tmp_path / "tagger", embedding=embeddings)
    assert loaded.mixing_weights() == weights
    assert loaded.predict(dev_data[0]) == tagger.predict(dev_data[0])


def test_fine_tuning_changes_the_bilm_of_the_tagger_alone(elmo, train_data, dev_data, tmp_path):
    before = elmo.vectors(train_data[0][:1])[0]
    settings = SETTINGS.model_copy(update={"fine_tune": True, "max_epochs": 1})
    tagger = SequenceTagger.train(*train_data, *dev_data, embedding=[elmo], settings=settings)
    assert np.array_equal(elmo.vectors(train_data[0][:1])[0], before)
    tagger.save(tmp_path / "tagger")
    loaded = SequenceTagger.load(tmp_path / "tagger", embedding=[elmo])
    own, other = (next(one.predict_iter(dev_data[0])) for one in (tagger, loaded))
    assert np.array_equal(own.probabilities, other.probabilities)


def test_another_scheme(train_data, dev_data):
    tagger = SequenceTagger.train(
        *train_data, *dev_data, embedding=[RandomEmbedding(dim=12)], settings=SETTINGS, scheme="BIOES"
    )
    assert tagger.predict(["in New York"]) == [as_bioes(["O", "B-LOC", "I-LOC"])]
    assert tagger.evaluate(*dev_data).spans.f1 > 0.95


def test_invalid_sequences_are_never_predicted(train_data, dev_data):
    """Also of a tagger that has learned next to nothing, from IOB1."""
    iob1 = [[tag.replace("B-", "I-") for tag in own] for own in train_data[1]]
    settings = SETTINGS.model_copy(update={"max_epochs": 1, "learning_rate": 1e-6})
    tagger = SequenceTagger.train(
        train_data[0], iob1, *dev_data, embedding=[RandomEmbedding(dim=12)], settings=settings
    )
    for tags in tagger.predict([[f"w{k}" for k in range(n)] for n in range(1, 40)]):
        assert not list(faults(tags, "BIO"))


def test_plain_tags_and_one_tag_only(random_embedding):
    tagger = SequenceTagger.train(
        [["a", "b"]], [["X", "X"]], [["b"]], [["Y"]], embedding=[random_embedding], settings=SETTINGS
    )
    assert tagger.predict([["a", "c", "b"]]) == [["X", "X", "X"]]
    scores = tagger.evaluate([["a"], ["b"]], [["X"], ["Y"]])
    assert (scores.accuracy, scores.by_label["Y"].support, scores.by_label["Y"].recall) == (0.5, 1, 0.0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([["a"]], [["X", "Y"]], [["b"]], [["X"]]), {}, ElmokitError, "training: sentence 0: expected a tag"),
        (
            ([["a"]], [], [["b"]], [["X"]]),
            {},
            ElmokitError,
            "training: expected tags for each of 1 sentences",
        ),
        (([[]], [[]], [["b"]], [["X"]]), {}, ElmokitError, "training: no tokens"),
        (([["a"]], [["X"]], [["a"]], [["X"]]), {}, ElmokitError, "the dev data is the training data"),
        (([["a"]], [["X"]], [["b"]], [["X"]]), {"scheme": "BIO"}, ConfigError, "scheme: BIO is for tags"),
        (
            ([["a"]], [["X"]], [["b"]], [["X"]]),
            {"settings": TaggerSettings(elmo_at_output=True)},
            ConfigError,
            "elmo_at_output: needs an embedding elmo:MODEL, got random",
        ),
    ],
)
def test_what_cannot_be_trained(arguments, options, error, message, random_embedding):
    with pytest.raises(error, match=message):
        SequenceTagger.train(*arguments, embedding=[random_embedding], **options)

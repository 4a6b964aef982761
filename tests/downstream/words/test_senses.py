import numpy as np
import pytest

from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.words.senses import SenseExample, SenseModel
from elmokit.downstream.words.tables import Occurrence
from elmokit.errors import ConfigError, ElmokitError, ModelFileError


def example(before, word, sense):
    return SenseExample(word, Occurrence([before, word], 1), sense)


TRAIN = [
    *[example("river", "bank", "shore")] * 3,
    *[example("savings", "bank", "money")] * 2,
    example("steep", "bank", "shore"),
    example("the", "cat", "animal"),
]
TEST = [
    example("savings", "bank", "money"),
    example("river", "bank", "shore"),
    example("a", "cat", "animal"),
    example("a", "dog", "pet"),
]


@pytest.mark.parametrize("method", ["nearest", "logistic"])
@pytest.mark.parametrize("layer", [1, None])
def test_the_sense_follows_from_the_context(context, method, layer):
    model = SenseModel.train(TRAIN, [context], method=method, layer=layer, first_senses={"dog": "pet"})
    answers = model.predict(TEST)
    assert [own.sense for own in answers] == ["money", "shore", "animal", "pet"]
    assert [own.source for own in answers] == ["vectors", "vectors", "only sense", "first sense"]
    scores = model.evaluate(TEST)
    assert (scores.accuracy, scores.most_frequent_sense) == (1.0, 0.75)
    assert (scores.ambiguous_accuracy, scores.ambiguous_most_frequent_sense) == (1.0, 0.5)
    assert (scores.num_ambiguous, scores.num_unknown) == (2, 1)
    if method == "logistic":
        assert sum(answers[0].scores.values()) == pytest.approx(1)


def test_scores_are_cosines_to_the_averages(context):
    model = SenseModel.train(TRAIN, [context], layer=1)
    found = model.predict(TEST[:1])[0].scores
    vectors = {word: context.vectors([[word, "bank"]])[0][1, 1] for word in ("river", "steep", "savings")}
    units = {word: own / np.linalg.norm(own) for word, own in vectors.items()}
    shore = 3 * units["river"] + units["steep"]
    expected = {"shore": shore @ units["savings"] / np.linalg.norm(shore), "money": 1.0}
    assert found == pytest.approx(expected, abs=1e-6)


def test_logistic_regression_gives_the_probabilities_of_scikit_learn(context):
    linear_model = pytest.importorskip("sklearn.linear_model")
    three = [*TRAIN, *[example("blood", "bank", "store")] * 2]
    for train in (TRAIN, three):
        model = SenseModel.train(train, [context], method="logistic", layer=1)
        own = [item for item in train if item.lemma == "bank"]
        vectors = np.stack([context.vectors([item.occurrence.tokens])[0][1, 1] for item in own])
        vectors *= 4 / np.linalg.norm(vectors, axis=1, keepdims=True)
        reference = linear_model.LogisticRegression(max_iter=1000).fit(vectors, [item.sense for item in own])
        for row, answer in enumerate(model.predict(own)):
            expected = dict(
                zip(reference.classes_, reference.predict_proba(vectors[row : row + 1])[0], strict=True)
            )
            assert answer.scores == pytest.approx(expected, abs=1e-4)


def test_a_context_free_vector_gives_one_sense_only():
    model = SenseModel.train(TRAIN, [RandomEmbedding(dim=8)])
    assert len({own.sense for own in model.predict(TEST[:2])}) == 1


@pytest.mark.parametrize("method", ["nearest", "logistic"])
def test_a_saved_model_is_the_same(tmp_path, method):
    embedding = RandomEmbedding()
    model = SenseModel.train(TRAIN, [embedding], method=method, first_senses={"dog": "pet"})
    model.save(tmp_path / "senses")
    loaded = SenseModel.load(tmp_path / "senses")
    assert loaded.predict(TEST) == model.predict(TEST)
    assert (loaded.method, loaded.layer) == (method, None)


def test_without_ambiguous_words(tmp_path):
    model = SenseModel.train(TRAIN[-1:], [RandomEmbedding()])
    model.save(tmp_path / "senses")
    assert SenseModel.load(tmp_path / "senses").predict(TEST)[0] == (None, "unknown lemma", {})
    assert model.evaluate(TEST).ambiguous_accuracy == 0.0


def test_a_damaged_model(tmp_path):
    import json

    SenseModel.train(TRAIN, [RandomEmbedding()]).save(tmp_path / "senses")
    path = tmp_path / "senses" / "config.json"
    values = json.loads(path.read_text())
    values["senses"]["bank"] = ["shore"]
    path.write_text(json.dumps(values))
    for checksums in (tmp_path / "senses").glob("*sum*"):
        checksums.unlink()
    with pytest.raises(ModelFileError, match="not what elmokit writes"):
        SenseModel.load(tmp_path / "senses")


@pytest.mark.parametrize(
    ("examples", "options", "error", "message"),
    [
        ([], {}, ElmokitError, "no examples"),
        ([example("a", "b", None)], {}, ElmokitError, "example 0 \\('b'\\) has no sense"),
        (TRAIN, {"method": "knn"}, ConfigError, "method: expected nearest or logistic"),
        (TRAIN, {"layer": 5}, ConfigError, "layer: expected a number from 0 to 1"),
    ],
)
def test_what_cannot_be_trained(context, examples, options, error, message):
    with pytest.raises(error, match=message):
        SenseModel.train(examples, [context], **options)

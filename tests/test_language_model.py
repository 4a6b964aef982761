"""Log-probabilities, compared with the formulas, and what is derived from them."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import language_model as language_module
from elmokit.config import Config
from elmokit.data.occurrences import find_occurrences
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.language_model import LanguageModel, top_words
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel
from elmokit.training import evaluation

VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", "cat", "sat", "on", "mat", ".", "naïve", "我"])
SMALL = ["embedding_dim=5", "filters=[[1, 6], [2, 8]]", "num_highway=1", "cell_dim=9", "projection_dim=6"]
WORDS = ["char_cnn=null", "cell_dim=9", "projection_dim=6"]
KINDS = {
    "characters": SMALL,
    "clipped": [*SMALL, "cell_clip=0.4", "projection_clip=0.2"],
    "forward only": [*SMALL, "bidirectional=false"],
    "words": WORDS,
    "tied words": [*WORDS, "tie_softmax=true"],
    "three layers, no skips": [*SMALL, "num_layers=3", "skip_connections=false"],
    "no projection": ["filters=[[1, 3], [2, 3]]", "cell_dim=6", "projection_dim=6", "cell_clip=null"],
}
SENTENCES = [
    ["the", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["on"],
    ["the", "dog", "sat", "unheard-of"],
    ["naïve", "我", "."],
    ["the", "cat", "sat", "on", "the", "mat", "."],
    [f"word{k}" for k in range(25)],
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def make(kind: str) -> PretrainedModel:
    """Return a model with random parameters that are large enough to matter."""
    config = Config.load("tiny", KINDS[kind])
    model = BiLM(config.model, len(VOCABULARY))
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return PretrainedModel(model.requires_grad_(False), config, VOCABULARY, Path("model"))


@pytest.fixture
def language_model(kind) -> LanguageModel:
    return LanguageModel(make(kind))


# --- the formulas --------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run_direction(pretrained: PretrainedModel, inputs: np.ndarray, direction: int) -> np.ndarray:
    """Return the top layer (n, P) of one direction, computed step by step from a zero state."""
    lstm = pretrained.config.model.lstm
    weights = {name: value.double().numpy() for name, value in pretrained.model.named_parameters()}
    for layer in range(lstm.num_layers):
        prefix = f"stacks.{direction}.{layer}"
        kernel, bias = weights[f"{prefix}.kernel"], weights[f"{prefix}.bias"]
        projection = weights.get(f"{prefix}.projection")
        cell, hidden = np.zeros(lstm.cell_dim), np.zeros(lstm.projection_dim)
        outputs = []
        for x in inputs:
            i, j, f, o = np.split(np.concatenate([x, hidden]) @ kernel + bias, 4)
            cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(j)
            if lstm.cell_clip is not None:
                cell = np.clip(cell, -lstm.cell_clip, lstm.cell_clip)
            hidden = sigmoid(o) * np.tanh(cell)
            if projection is not None:
                hidden = hidden @ projection
                if lstm.projection_clip is not None:
                    hidden = np.clip(hidden, -lstm.projection_clip, lstm.projection_clip)
            outputs.append(hidden + x if layer > 0 and lstm.skip_connections else hidden)
        inputs = np.array(outputs)
    return inputs


def log_softmax(pretrained: PretrainedModel, hidden: np.ndarray) -> np.ndarray:
    softmax = pretrained.model.softmax
    logits = hidden @ softmax.weight.double().numpy().T + softmax.bias.double().numpy()
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def expected_predictions(pretrained: PretrainedModel, sentence: list[str]) -> list[np.ndarray]:
    """Return log-probabilities (n + 1, V) of the next word in each direction."""
    spelled = pretrained.indexer.index(["<S>", *sentence, "</S>"])
    ids = [None if part is None else torch.from_numpy(part) for part in spelled]
    vectors = pretrained.model.encode(*ids).double().numpy()
    predictions = [log_softmax(pretrained, run_direction(pretrained, vectors[:-1], 0))]
    if pretrained.config.model.bidirectional:
        predictions.append(log_softmax(pretrained, run_direction(pretrained, vectors[:0:-1], 1)))
    return predictions


def ids_of(sentence: list[str]) -> list[int]:
    return [VOCABULARY.words.index(word) if word in VOCABULARY.words else 2 for word in sentence]


def test_scores_match_the_formulas(kind, language_model):
    for sentence, score in zip(SENTENCES, language_model.score(SENTENCES), strict=True):
        forward, *backward = expected_predictions(make(kind), sentence)
        ids = ids_of(sentence)
        expected = forward[np.arange(len(ids) + 1), [*ids, 1]]
        np.testing.assert_allclose(score.forward, expected, rtol=0, atol=1e-5)
        losses = [-expected]
        if kind == "forward only":
            assert score.backward is None
        else:
            # In reading order, the last word is predicted first and the begin of the sentence last.
            expected = backward[0][np.arange(len(ids) + 1), [*reversed(ids), 0]][::-1]
            np.testing.assert_allclose(score.backward, expected, rtol=0, atol=1e-5)
            losses.append(-expected)
        assert score.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
        assert score.tokens == tuple(sentence)
        assert score.is_unknown == tuple(word not in VOCABULARY.words for word in sentence)


def test_predictions_match_the_formulas(kind, language_model):
    for sentence in SENTENCES:
        left, right = language_model.predictions(sentence)
        forward, *backward = expected_predictions(make(kind), sentence)
        assert left.shape == (len(sentence), len(VOCABULARY))
        np.testing.assert_allclose(left.numpy(), forward[:-1], rtol=0, atol=1e-5)
        if kind == "forward only":
            assert right is None
        else:
            np.testing.assert_allclose(right.numpy(), backward[0][:-1][::-1], rtol=0, atol=1e-5)


def test_probabilities_sum_to_one(language_model):
    for direction in language_model.predictions(SENTENCES[0]):
        if direction is not None:
            np.testing.assert_allclose(direction.exp().sum(dim=1), 1, atol=1e-5)


def test_scores_are_taken_from_the_predictions(language_model):
    (score,) = language_model.score(SENTENCES[:1])
    left, right = language_model.predictions(SENTENCES[0])
    positions, ids = range(len(SENTENCES[0])), ids_of(SENTENCES[0])
    np.testing.assert_allclose(score.forward[:-1], left[positions, ids], rtol=0, atol=1e-5)
    if right is not None:
        np.testing.assert_allclose(score.backward[1:], right[positions, ids], rtol=0, atol=1e-5)


# --- independence of the batch -------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_batches_and_order_change_nothing(language_model, batch_size):
    alone = [next(language_model.score([sentence])) for sentence in SENTENCES]
    assert not np.allclose(alone[0].forward[0], alone[0].forward[4])  # they differ from word to word
    order = random.Random(1).sample(range(len(SENTENCES)), len(SENTENCES))
    scores = list(language_model.score([SENTENCES[k] for k in order], batch_size=batch_size))
    for k, score in zip(order, scores, strict=True):
        assert score.tokens == alone[k].tokens
        np.testing.assert_allclose(score.forward, alone[k].forward, rtol=0, atol=1e-6)
        if score.backward is not None:
            np.testing.assert_allclose(score.backward, alone[k].backward, rtol=0, atol=1e-6)


def test_strings_are_split(language_model):
    one, other = language_model.score(["the cat  sat", ["the", "cat", "sat"]])
    assert one.tokens == other.tokens == ("the", "cat", "sat")
    np.testing.assert_allclose(one.forward, other.forward, rtol=0, atol=1e-6)
    assert language_model.substitutes("the cat", 0) == language_model.substitutes(["the", "cat"], 0)


def test_scores_come_as_sentences_are_read(language_model):
    num_read = 0

    def endless():
        nonlocal num_read
        while True:
            num_read += 1
            yield ["the", "cat"]

    next(language_model.score(endless(), batch_size=4))
    assert num_read < 1000


def test_no_sentence(language_model):
    assert list(language_model.score([])) == []


@pytest.mark.parametrize("kind", ["characters", "forward only", "words"], indirect=True)
def test_one_sentence_is_a_text_of_one_sentence(kind, language_model, tmp_path):
    """`evaluate` starts a text from a zero state too, in both directions."""
    sentence = SENTENCES[3]
    (tmp_path / "text.txt").write_text(" ".join(sentence) + "\n", encoding="utf-8")
    corpus = prepare_corpus([str(tmp_path / "text.txt")], cache_dir=tmp_path / "cache")
    result = evaluation.evaluate(make(kind).model, corpus, VOCABULARY)
    (score,) = language_model.score([sentence])
    assert result.perplexity == pytest.approx(score.perplexity, rel=1e-5)
    assert result.forward == pytest.approx(math.exp(-score.forward.mean()), rel=1e-5)
    assert result.unk_share == np.mean(score.is_unknown) == 0.5


def test_a_perplexity_stays_finite(kind):
    pretrained = make(kind)
    with torch.no_grad():
        pretrained.model.softmax.bias[1] = -1e6  # the end of a sentence is nearly impossible
    (score,) = LanguageModel(pretrained).score(["the"])
    assert score.forward[-1] < -1e5
    assert math.isfinite(score.perplexity)
    assert score.perplexity > 1e300


# --- substitutes ---------------------------------------------------------------------------------


def test_substitutes_are_the_best_predictions(kind, language_model):
    sentence = SENTENCES[0]
    forward, *backward = expected_predictions(make(kind), sentence)
    for position in range(len(sentence)):
        found = language_model.substitutes(sentence, position, k=4)
        left = forward[position]
        right = backward[0][len(sentence) - 1 - position] if backward else np.zeros_like(left)
        product = np.exp(left + right)
        both = np.log(product / product.sum())
        lists = [(found.forward, left), (found.combined, both)]
        if backward:
            lists.append((found.backward, right))
        else:
            assert found.backward == []
        for candidates, expected in lists:
            best = sorted(range(3, len(VOCABULARY)), key=lambda word: -expected[word])[:4]
            assert [candidate.word for candidate in candidates] == [VOCABULARY[word] for word in best]
            np.testing.assert_allclose(
                [candidate.log_probability for candidate in candidates], expected[best], rtol=0, atol=1e-5
            )


def test_the_word_at_the_position_has_no_influence(language_model):
    found = language_model.substitutes(["the", "cat", "sat"], 1)
    assert found == language_model.substitutes(["the", "something-else", "sat"], 1)
    assert found != language_model.substitutes(["mat", "cat", "sat"], 1)


def test_special_tokens_are_no_substitutes(kind):
    pretrained = make(kind)
    with torch.no_grad():
        pretrained.model.softmax.bias[:3] = 50  # they would be the most likely words by far
    found = LanguageModel(pretrained).substitutes("the cat sat", 1, k=1000)
    for candidates in (found.combined, found.forward, found.backward):
        if candidates or kind != "forward only":
            assert {candidate.word for candidate in candidates} == set(VOCABULARY.words[3:])
        # They are left out of the list only: the probabilities of the others do not change.
        assert all(candidate.log_probability < -10 for candidate in candidates)


def test_all_combined_probabilities_sum_to_one(language_model):
    found = language_model.substitutes("the cat sat", 2, k=1000)
    assert len(found.combined) == len(VOCABULARY) - 3
    assert sum(math.exp(candidate.log_probability) for candidate in found.combined) < 1
    left, right = language_model.predictions("the cat sat")
    product = left[2].exp() * (1 if right is None else right[2].exp())
    specials = float((product / product.sum())[:3].sum())
    total = sum(math.exp(candidate.log_probability) for candidate in found.combined)
    assert total + specials == pytest.approx(1, abs=1e-5)


def test_positions_from_the_end(language_model):
    sentence = SENTENCES[0]
    for position in range(1, len(sentence) + 1):
        assert language_model.substitutes(sentence, -position) == language_model.substitutes(
            sentence, len(sentence) - position
        )


@pytest.mark.parametrize("position", [3, -4, 100])
def test_positions_out_of_range(language_model, position):
    with pytest.raises(ConfigError) as error:
        language_model.substitutes("the cat sat", position)
    assert str(error.value) == f"position: expected 0 to 2, got {position}"


def test_invalid_arguments(language_model):
    with pytest.raises(ConfigError, match=r"^position: the sentence has no token$"):
        language_model.substitutes("", 0)
    with pytest.raises(ConfigError, match=r"^k: expected at least 1, got 0$"):
        language_model.substitutes("the cat", 0, k=0)
    with pytest.raises(ConfigError, match=r"^batch_size: expected at least 1, got 0$"):
        language_model.score(["the cat"], batch_size=0)
    with pytest.raises(ElmokitError, match=r"got the single string 'the cat': put it in a list"):
        language_model.score("the cat")


# --- models that cannot predict ------------------------------------------------------------------


def test_without_a_softmax():
    pretrained = make("characters")
    pretrained.model.softmax = None
    with pytest.raises(ModelFileError) as error:
        LanguageModel(pretrained)
    assert str(error.value) == (
        "model: these weights have no softmax to predict words with: expected a training "
        "run's save directory, a TensorFlow checkpoint of bilm-tf, or a softmax file (datasets "
        "softmax/W and softmax/b) beside the weights"
    )


def test_without_a_vocabulary():
    pretrained = make("characters")
    for problem, advice in [
        (None, "put the vocab.txt of its training beside the weights"),
        ("vocab.txt: 5 words, softmax.hdf5 predicts 11", "vocab.txt: 5 words, softmax.hdf5 predicts 11"),
    ]:
        bare = PretrainedModel(
            pretrained.model, pretrained.config, None, Path("x"), vocabulary_problem=problem
        )
        with pytest.raises(ModelFileError) as error:
            LanguageModel(bare)
        assert str(error.value) == (
            f"x: the softmax predicts 11 words, but the vocabulary is not known: {advice}"
        )


def test_a_device_that_does_not_exist():
    with pytest.raises(ConfigError, match="device=abacus: not available here"):
        LanguageModel(make("words"), device="abacus")


def test_loading(tmp_path):
    make("tied words").save_pretrained(tmp_path / "model")
    loaded = LanguageModel.load(tmp_path / "model")
    assert loaded.substitutes("the cat", 0) == LanguageModel(make("tied words")).substitutes("the cat", 0)


def test_top_words():
    log_probabilities = torch.tensor([-1.0, -5.0, -2.0, -4.0, -3.0])
    assert top_words(log_probabilities, 3, excluded_ids=()) == [(0, -1.0), (2, -2.0), (4, -3.0)]
    assert top_words(log_probabilities, 2, excluded_ids=(0, 4)) == [(2, -2.0), (3, -4.0)]
    assert [id_ for id_, _ in top_words(log_probabilities, 99, excluded_ids=(2,))] == [0, 4, 3, 1]
    assert log_probabilities[0] == -1.0  # not modified


def test_substitutes_of_many_words_are_those_of_each(language_model, monkeypatch):
    sentences = ["the cat sat", "the mat", "", "the cat sat on the mat"]
    occurrences = find_occurrences(sentences)
    expected = [language_model.substitutes(one.sentence, one.position, 3).combined for one in occurrences]
    for numbers in (language_module._BLOCK_NUMBERS, 1):  # all rows at once, and one row at a time
        monkeypatch.setattr(language_module, "_BLOCK_NUMBERS", numbers)
        found = list(language_model.iter_substitutes(occurrences, 3))
        assert [[one.word for one in own] for own in found] == [[one.word for one in own] for own in expected]
        for own, other in zip(found, expected, strict=True):
            assert [one.log_probability for one in own] == pytest.approx(
                [one.log_probability for one in other], abs=1e-4
            )

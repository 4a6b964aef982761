"""Search for the nearest occurrences, compared with brute force in double precision."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

import elmokit
from elmokit.data.occurrences import Occurrence
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, CorpusError, ElmokitError
from elmokit.neighbors.index import DEFAULT_LAYER, NeighborIndex

WORDS = ["the", "play", "Play", "was", "long", "children", "guitar", "我", "naïve", "."]
QUERY = "children play the guitar"


def _sentences() -> list[list[str]]:
    rng = random.Random(0)
    sentences = [rng.choices(WORDS, k=rng.randint(1, 7)) for _ in range(150)]
    return [*sentences, [], QUERY.split(), *sentences[:30], ["play"]]


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


@pytest.fixture(scope="module")
def index(embedder):
    return NeighborIndex.build(embedder, _sentences())


def brute_force(embedder, sentences, query, position, layer, keep=lambda word: True):
    """Return (similarity, sentence, position) of all distinct occurrences, nearest first."""
    (vectors,) = embedder.embed([query], layer)
    target = vectors[position].astype(np.float64)
    found, seen = [], {tuple(query)}
    for number, sentence in enumerate(sentences):
        if tuple(sentence) in seen:
            continue
        seen.add(tuple(sentence))
        for index, vector in enumerate(embedder.embed([sentence], layer)[0].astype(np.float64)):
            if keep(sentence[index]):
                cosine = vector @ target / np.linalg.norm(vector) / np.linalg.norm(target)
                found.append((cosine, number, index))
    return sorted(found, key=lambda found: -found[0])


def check(neighbors, expected, k):
    assert len(neighbors) == min(k, len(expected))
    by_occurrence = {(number, position): cosine for cosine, number, position in expected}
    for (occurrence, similarity), (cosine, *_) in zip(neighbors, expected, strict=False):
        # Two occurrences with nearly the same similarity may be swapped.
        assert similarity == pytest.approx(cosine, abs=1e-3)
        assert similarity == pytest.approx(
            by_occurrence[occurrence.sentence_index, occurrence.position], abs=1e-3
        )
    similarities = [similarity for _, similarity in neighbors]
    assert similarities == sorted(similarities, reverse=True)
    assert len({(found.sentence, found.position) for found, _ in neighbors}) == len(neighbors)


@pytest.mark.parametrize("layer", ["top", "average", 0, 1, -1])
@pytest.mark.parametrize("k", [1, 10, 100_000])
def test_nearest_occurrences_are_those_of_brute_force(embedder, layer, k):
    sentences = _sentences()
    index = NeighborIndex.build(embedder, sentences, layer=layer)
    nearest = index.nearest(QUERY, "play", k)
    assert nearest.query == Occurrence(tuple(QUERY.split()), 0, 1)
    check(nearest.occurrences, brute_force(embedder, sentences, QUERY.split(), 1, layer), k)
    for occurrence, _ in nearest.occurrences:
        assert occurrence.sentence == tuple(sentences[occurrence.sentence_index])


@pytest.mark.parametrize(
    ("words", "keep"),
    [("same", lambda word: word.lower() == "play"), ("other", lambda word: word.lower() != "play")],
)
@pytest.mark.parametrize("k", [3, 100_000])
def test_occurrences_of_the_same_word_or_of_others(embedder, index, words, keep, k):
    expected = brute_force(embedder, _sentences(), QUERY.split(), 1, DEFAULT_LAYER, keep)
    check(index.nearest(QUERY, "play", k, words=words).occurrences, expected, k)


def test_words_that_the_text_does_not_contain(index):
    assert index.nearest("strange words", "strange", words="same").occurrences == []
    assert len(index.nearest("strange words", "strange", words="other").occurrences) == 10


def test_the_sentence_of_the_query_is_excluded_only_if_the_query_is_given(embedder, index):
    vector = embedder.embed([QUERY], DEFAULT_LAYER)[0][1]
    best, *_ = index.search(vector, 3)
    assert best.occurrence == Occurrence(tuple(QUERY.split()), 151, 1)
    assert best.similarity == pytest.approx(1, abs=1e-3)
    query = Occurrence(tuple(QUERY.split()), 0, 1)
    assert all(
        neighbor.occurrence.sentence != query.sentence for neighbor in index.search(vector, 1000, query=query)
    )


def test_words_without_context(embedder, index):
    with torch.inference_mode():
        vectors = dict(zip(WORDS, embedder.encode(WORDS).double().numpy(), strict=True))
    target = vectors["play"]
    expected = {
        word: vector @ target / np.linalg.norm(vector) / np.linalg.norm(target)
        for word, vector in vectors.items()
        if word not in ("play", "Play")
    }
    found = index.nearest(QUERY, "play", 100).words
    assert dict(found) == pytest.approx(expected, abs=1e-3)
    assert [word for word, _ in found] == sorted(expected, key=expected.get, reverse=True)
    assert [word for word, _ in index.similar_words(target, 2)] == ["play", found[0].word]


def test_equal_occurrences_come_in_the_order_of_the_text(embedder):
    index = NeighborIndex.build(embedder, [["a", "b"], ["c", "b"], [], ["d", "b"], ["a", "b"]], layer=0)
    found = [occurrence for occurrence, _ in index.nearest("b", 0, 3).occurrences]
    assert [(occurrence.sentence_index, occurrence.position) for occurrence in found] == [
        (0, 1),
        (1, 1),
        (3, 1),
    ]


def test_one_word(embedder):
    index = NeighborIndex.build(embedder, ["", "play"])
    assert index.nearest("play", 0).occurrences == []
    assert index.nearest("play", 0).words == []
    ((occurrence, _),) = index.nearest("the play", "play").occurrences
    assert occurrence == Occurrence(("play",), 1, 0)


def test_any_token(embedder):
    sentences = [["\t", "<b>$&\"'", "🙂", "\ud800x", "x" * 10_000, "", "</S>"], ["שלום", "play"]]
    index = NeighborIndex.build(embedder, sentences)
    found = index.nearest(["🙂"], 0, 100)
    assert sorted(
        (occurrence.sentence_index, occurrence.position) for occurrence, _ in found.occurrences
    ) == [
        (number, position) for number, sentence in enumerate(sentences) for position in range(len(sentence))
    ]


def test_a_zero_vector_is_similar_to_nothing(index):
    assert {neighbor.similarity for neighbor in index.search(np.zeros(index.embedder.dim))} == {0.0}


def test_texts_that_cannot_be_searched(embedder):
    with pytest.raises(CorpusError, match="the text has no words"):
        NeighborIndex.build(embedder, ["", []])
    with pytest.raises(ElmokitError, match="single string"):
        NeighborIndex.build(embedder, "play")


@pytest.mark.parametrize("layer", ["all", "bottom", 3, -4])
def test_unknown_layers_are_refused(embedder, layer):
    with pytest.raises(ConfigError, match=f"layer: expected top, average or 0 to 2, got {layer!r}"):
        NeighborIndex.build(embedder, ["play"], layer=layer)


@pytest.mark.parametrize(
    ("word", "k", "message"),
    [
        ("plays", 1, "word plays: not a token of the sentence: children play the guitar"),
        (4, 1, "word: expected a position from 0 to 3, got 4"),
        (-5, 1, "word: expected a position from 0 to 3, got -5"),
        ("play", 0, "k: expected at least 1, got 0"),
    ],
)
def test_invalid_queries_are_refused(index, word, k, message):
    with pytest.raises(ConfigError, match=message):
        index.nearest(QUERY, word, k)


def test_invalid_vectors_are_refused(index):
    with pytest.raises(ElmokitError, match=r"vector: shape \(3,\), expected \(\d+,\) as in the index"):
        index.search(np.ones(3))
    with pytest.raises(ElmokitError, match="vector: contains NaN or infinity"):
        index.search(np.full(index.embedder.dim, np.nan))


def test_a_model_whose_vectors_are_not_finite(golden):
    embedder = ElmoEmbedder.load(golden / "infer_models" / "no_clips")
    with torch.no_grad():
        embedder.model.stacks[0][0].bias.fill_(torch.nan)
    with pytest.raises(ElmokitError, match=r"sentence 1 of the text \(counted from 0\): its vectors"):
        NeighborIndex.build(embedder, ["", "play"])


def test_it_is_public():
    assert elmokit.NeighborIndex is NeighborIndex


def test_old_names_still_work(index):
    nearest = index.nearest(QUERY, "play", 2)
    with pytest.warns(DeprecationWarning, match="use occurrences"):
        assert nearest.uses == nearest.occurrences
    with pytest.warns(DeprecationWarning, match="use occurrence"):
        assert nearest.occurrences[0].use == nearest.occurrences[0].occurrence

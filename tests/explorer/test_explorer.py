"""Answers about typed sentences, compared with the embedder and the language model themselves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from elmokit.data.occurrences import Occurrence
from elmokit.embedder import ElmoEmbedder
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.typed_text import read_typed
from elmokit.language_model import LanguageModel
from elmokit.loading import load
from elmokit.neighbors.index import NeighborIndex

TEXT = "every American has the right to vote\n\n  we are on the right   track\nlight"
SENTENCES = read_typed(TEXT).sentences
RIGHT = 4  # index of the first "right"
CORPUS = ["they have no right to vote", "turn right here", "the strong team played", "a bright light"]


@pytest.fixture(scope="module")
def pretrained():
    return load("tiny-en")


@pytest.fixture(scope="module")
def explorer(pretrained) -> Explorer:
    return Explorer(ElmoEmbedder(pretrained))


@pytest.fixture(scope="module")
def without_softmax(golden) -> Explorer:
    return Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_words_have_the_vectors_of_the_embedder(explorer, pretrained):
    text = explorer.explore(SENTENCES)
    assert [occurrence.word for occurrence in text.occurrences] == TEXT.split()
    assert text.occurrences[RIGHT] == Occurrence(SENTENCES[0], 0, 4)
    expected = np.concatenate(ElmoEmbedder(pretrained).embed(SENTENCES), axis=1)
    np.testing.assert_array_equal(text.layers, expected)


def test_surprisal_is_that_of_each_word_alone(explorer, pretrained):
    text = explorer.explore(SENTENCES)
    index = 0
    for sentence in SENTENCES:
        forward, backward = LanguageModel(pretrained).predictions(sentence)
        for position, word in enumerate(sentence):
            id_ = pretrained.vocabulary.id_of(word)
            expected = -float(forward[position, id_]), -float(backward[position, id_])
            assert text.surprisal["forward"][index] == pytest.approx(expected[0], abs=1e-4)
            assert text.surprisal["backward"][index] == pytest.approx(expected[1], abs=1e-4)
            assert text.surprisal["mean"][index] == pytest.approx(sum(expected) / 2, abs=1e-4)
            index += 1
    assert index == len(text.occurrences)


def test_words_outside_the_vocabulary_are_marked(explorer):
    text = explorer.explore((("we", "are", "zzxqy"), ("zzxqy", "we")))
    assert text.is_unknown == [False, False, True, True, False]


def test_the_default_word_occurs_more_than_once(explorer):
    text = explorer.explore(SENTENCES)
    assert text.default_index == RIGHT
    assert explorer.explore((("a", "strong", "team"),)).default_index == 1


def test_a_short_text_does_not_wait_for_the_layout_of_a_long_one(explorer, monkeypatch):
    """Nor do questions about its words."""
    long, short = (tuple(f"w{k}" for k in range(200)),), (("a", "b", "c", "d"),)
    begun, finished = threading.Event(), threading.Event()

    def layout(layers: np.ndarray, weights: object, method: str) -> np.ndarray:
        if layers.shape[1] == 200:
            begun.set()
            assert finished.wait(60)
        return np.zeros((layers.shape[1], 2))

    monkeypatch.setattr("elmokit.explorer.explorer.map_of_mix", layout)
    thread = threading.Thread(target=explorer.layer_maps, args=(long, "tsne"))
    thread.start()
    try:
        assert begun.wait(60)
        answers: list[object] = []
        quick = threading.Thread(
            target=lambda: answers.extend(
                [explorer.layer_maps(short, "tsne"), explorer.neighbors(short, 0, [1, 0, 0])]
            )
        )
        quick.start()
        quick.join(60)
        assert len(answers) == 2
    finally:
        finished.set()
        thread.join(60)


def test_neighbors_are_ranked_by_the_cosine_of_the_mix(explorer, pretrained):
    layers = np.concatenate(ElmoEmbedder(pretrained).embed(SENTENCES), axis=1).astype(np.float64)
    for weights in ([1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]):
        mix = sum(weight * layer for weight, layer in zip(weights, layers, strict=True))
        expected = {k: cosine(mix[k], mix[RIGHT]) for k in range(len(mix)) if k != RIGHT}
        found = explorer.neighbors(SENTENCES, RIGHT, weights, k=5)
        occurrences = explorer.explore(SENTENCES).occurrences
        indices = [occurrences.index(neighbor.occurrence) for neighbor in found]
        np.testing.assert_allclose(
            [neighbor.similarity for neighbor in found],
            sorted(expected.values(), reverse=True)[:5],
            atol=1e-5,
        )
        np.testing.assert_allclose(
            [expected[index] for index in indices], sorted(expected.values())[::-1][:5], atol=1e-5
        )
    assert explorer.neighbors((("alone",),), 0, [1.0, 0.0, 0.0]) == []


@pytest.mark.parametrize("layer", ["average", 0, "top"])
def test_neighbors_in_the_corpus_are_those_of_its_index(pretrained, layer):
    embedder = ElmoEmbedder(pretrained)
    index = NeighborIndex.build(embedder, CORPUS, layer=layer)
    explorer = Explorer(embedder, index)
    expected = index.nearest(SENTENCES[0], 4, 6)
    found = explorer.corpus_neighbors(SENTENCES, RIGHT, 6)
    assert [neighbor.occurrence for neighbor in found] == [
        neighbor.occurrence for neighbor in expected.occurrences
    ]
    np.testing.assert_allclose(
        [n.similarity for n in found], [n.similarity for n in expected.occurrences], atol=1e-5
    )
    assert explorer.similar_words(SENTENCES, RIGHT, 6) == expected.words


def test_without_a_corpus_words_are_compared_with_the_vocabulary(explorer, pretrained):
    words = [word for word in pretrained.vocabulary.words[3:10_003] if word.casefold() != "right"]
    vectors = ElmoEmbedder(pretrained).encode([*words, "right"]).double()
    unit = torch.nn.functional.normalize(vectors, dim=1)
    expected = dict(zip(words, (unit[:-1] @ unit[-1]).tolist(), strict=True))
    found = explorer.similar_words(SENTENCES, RIGHT, 8)
    assert len({word for word, _ in found}) == 8
    for (word, similarity), best in zip(found, sorted(expected.values(), reverse=True), strict=False):
        assert similarity == pytest.approx(expected[word], abs=2e-3)  # half precision
        assert similarity == pytest.approx(best, abs=2e-3)


def test_substitutes_are_those_of_the_language_model(explorer, pretrained):
    expected = LanguageModel(pretrained).substitutes(SENTENCES[1], 3, 7)
    assert explorer.substitutes(SENTENCES, 10, 7) == expected


def test_without_a_softmax_vectors_are_still_compared(without_softmax):
    text = without_softmax.explore(SENTENCES)
    assert text.surprisal == {}
    assert text.layers.shape[1] == len(text.occurrences) == len(text.is_unknown)
    assert "have no softmax" in without_softmax.language_model_error
    assert "\n" not in without_softmax.language_model_error
    assert without_softmax.substitutes(SENTENCES, RIGHT) is None
    assert len(without_softmax.neighbors(SENTENCES, RIGHT, [0.5, 0.5, 0.0])) == 10
    words = [word for word, _ in without_softmax.similar_words(SENTENCES, RIGHT, 50)]
    assert sorted(words) == sorted(set(TEXT.split()) - {"right"})


def test_texts_are_embedded_once(explorer, monkeypatch):
    sentences = (("never", "typed", "before"),)
    first = explorer.explore(sentences)
    monkeypatch.setattr(explorer.embedder, "run", None)  # would fail
    assert explorer.explore(sentences) is first
    first_map = explorer.map(sentences, [0.5, 0.25, 0.25], "pca")
    assert explorer.map(sentences, [0.5, 0.25, 0.25], "pca") is first_map
    assert not np.array_equal(explorer.map(sentences, [0.0, 0.25, 0.75], "pca"), first_map)


def test_several_threads_may_ask_at_the_same_time(pretrained):
    # The cache is so small that another thread would clear it.
    explorer = Explorer(ElmoEmbedder(pretrained, max_cached_types=12))
    texts = [((f"word{k}", "we", f"are{k}", f"on{k}", "the", f"right{k}"),) for k in range(12)]

    def answers_to(sentences):
        return (
            explorer.explore(sentences).layers,
            explorer.substitutes(sentences, 1, 5),
            explorer.similar_words(sentences, 2, 5),
            explorer.map(sentences, [1.0, 0.0, 0.0], "pca"),
        )

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answers_to, texts * 3))
    for answers, sentences in zip(together, texts * 3, strict=True):
        for got, alone in zip(answers, answers_to(sentences), strict=True):
            if isinstance(got, np.ndarray):
                np.testing.assert_array_equal(got, alone)
            else:
                assert got == alone


BAD = [
    "x" * 10_000,
    "👩‍🚀 🇧🇷 😀",
    "שלום עולם مرحبا",
    "<b>bold</b> <script>alert(1)</script> &amp;",
    "a\0b \0",
    "<S> </S> <UNK>",
    "$x^2$ \\frac{1}{2} \"quoted\" 'so'",
    "e" + "\u0301" * 300,
    "\u202e backward \u200b",
]


@pytest.mark.parametrize("text", BAD)
def test_any_text_is_explored(explorer, text):
    sentences = read_typed(text).sentences
    explored = explorer.explore(sentences)
    for index in range(len(explored.occurrences)):
        assert len(explorer.similar_words(sentences, index)) == 10
        explorer.neighbors(sentences, index, [0.3, 0.3, 0.4])
        explorer.substitutes(sentences, index)
    for method in ("pca", "tsne"):
        assert np.isfinite(explorer.map(sentences, [0.3, 0.3, 0.4], method)).all()

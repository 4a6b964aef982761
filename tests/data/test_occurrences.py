"""Words with their sentences and vectors."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.data.occurrences import Use, find_uses, sample_uses, vectors_of
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError

SENTENCES = ["the play was long", "", "children play the guitar"]


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


def test_every_word_is_a_use_with_its_vector(embedder):
    uses = find_uses(SENTENCES)
    assert [(use.word, use.number, use.position) for use in uses] == [
        ("the", 0, 0), ("play", 0, 1), ("was", 0, 2), ("long", 0, 3),
        ("children", 2, 0), ("play", 2, 1), ("the", 2, 2), ("guitar", 2, 3),
    ]  # fmt: skip
    told = []
    vectors = vectors_of(embedder, uses, on_sentences=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(vectors, np.concatenate(embedder.embed(SENTENCES), axis=1))
    assert told == [(1, 2), (2, 2)]


def test_only_the_words_that_are_wanted_are_kept(embedder):
    uses = find_uses(SENTENCES, ["play"])
    assert [use.shown() for use in uses] == ["the [play] was long", "children [play] the guitar"]
    first, _, last = embedder.embed(SENTENCES, "top")
    np.testing.assert_array_equal(vectors_of(embedder, uses, "top"), [first[1], last[1]])


def test_a_word_that_does_not_occur_is_an_error():
    with pytest.raises(ElmokitError, match="none of the words occurs in the text: guitars, plays"):
        find_uses(SENTENCES, ["plays", "guitars"])
    with pytest.raises(ElmokitError, match="the text has no words"):
        find_uses(["", []])
    with pytest.raises(ElmokitError, match="the single string"):
        find_uses("the play was long")


def test_a_use_is_shown_with_some_words_around_it():
    assert Use(("a", "b", "c", "d", "e"), 0, 2).shown(1) == "b [c] d"
    assert Use(("a", "b"), 0, 0).shown(1) == "[a] b"


def test_a_sample_is_chosen_by_seed_and_stays_in_order():
    uses = find_uses(SENTENCES)
    some = sample_uses(uses, 4, seed=1)
    assert len(some) == 4
    places = [uses.index(use) for use in some]
    assert places == sorted(places)
    assert sample_uses(uses, 4, seed=1) == some
    assert any(sample_uses(uses, 4, seed) != some for seed in range(2, 5))
    assert sample_uses(uses, 8, seed=1) == uses

"""Words with their sentences and vectors."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError
from elmokit.visualize.uses import Use, uses_in_context

SENTENCES = ["the play was long", "", "children play the guitar"]


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


def test_every_word_is_a_use_with_its_vector(embedder):
    found = uses_in_context(embedder, SENTENCES)
    assert [(use.word, use.number, use.position) for use in found.uses] == [
        ("the", 0, 0), ("play", 0, 1), ("was", 0, 2), ("long", 0, 3),
        ("children", 2, 0), ("play", 2, 1), ("the", 2, 2), ("guitar", 2, 3),
    ]  # fmt: skip
    expected = np.concatenate(embedder.embed(SENTENCES), axis=1)
    np.testing.assert_array_equal(found.vectors, expected)


def test_only_the_words_that_are_wanted_are_kept(embedder):
    found = uses_in_context(embedder, SENTENCES, "top", words=["play"])
    assert [use.shown() for use in found.uses] == ["the [play] was long", "children [play] the guitar"]
    first, _, last = embedder.embed(SENTENCES, "top")
    np.testing.assert_array_equal(found.vectors, [first[1], last[1]])


def test_a_word_that_does_not_occur_is_an_error(embedder):
    with pytest.raises(ElmokitError, match="none of the words occurs in the text: guitars, plays"):
        uses_in_context(embedder, SENTENCES, words=["plays", "guitars"])
    with pytest.raises(ElmokitError, match="the text has no words"):
        uses_in_context(embedder, ["", []])


def test_a_use_is_shown_with_some_words_around_it():
    assert Use(("a", "b", "c", "d", "e"), 0, 2).shown(1) == "b [c] d"
    assert Use(("a", "b"), 0, 0).shown(1) == "[a] b"


def test_some_uses_chosen_by_seed_stay_in_order(embedder):
    everything = uses_in_context(embedder, SENTENCES, "top")
    some = uses_in_context(embedder, SENTENCES, "top", max_uses=4, seed=1)
    assert (len(some.uses), some.num_found) == (4, 8)
    places = [everything.uses.index(use) for use in some.uses]
    assert places == sorted(places)
    np.testing.assert_array_equal(some.vectors, everything.vectors[places])
    assert uses_in_context(embedder, SENTENCES, "top", max_uses=4, seed=1).uses == some.uses
    assert any(
        uses_in_context(embedder, SENTENCES, "top", max_uses=4, seed=seed).uses != some.uses
        for seed in range(2, 5)
    )
    assert uses_in_context(embedder, SENTENCES, "top", max_uses=8).uses == everything.uses

"""Every entry for sentences takes the same kinds of them and refuses the same mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from elmokit import Elmo, ElmoEmbedder, LanguageModel, batch_to_ids, load
from elmokit.dialects import allennlp, bilm, elmoformanylangs, simple_elmo, tfhub
from elmokit.errors import ElmokitError
from elmokit.neighbors.index import NeighborIndex

TEXTS = ["the cat sat", "", "mat"]
SPLIT = [text.split() for text in TEXTS]


@pytest.fixture(scope="module")
def entries(tmp_path_factory) -> dict[str, Callable[[Any], Any]]:
    model = load("tiny-en")
    embedder, layer = ElmoEmbedder(model), Elmo(pretrained=model, dropout=0.0)
    directory = tmp_path_factory.mktemp("model")
    weights = model.save_bilm(directory)[0]
    old = allennlp.ElmoEmbedder(weight_file=weights)
    words = directory / "words.txt"
    words.write_text("<S>\n</S>\n<UNK>\nthe\n", encoding="utf-8")
    simple = simple_elmo.ElmoModel()
    simple.load(weights)
    language_model = LanguageModel(model)
    return {
        "batch_to_ids": batch_to_ids,
        "embed": embedder.embed,
        "iter_embed": lambda sentences: list(embedder.iter_embed(sentences)),
        "embed_statefully": lambda sentences: embedder.embed_statefully(sentences, embedder.zero_state(3))[0],
        "Elmo": lambda sentences: layer(sentences)["elmo_representations"][0].detach(),
        "score": lambda sentences: [score.forward for score in language_model.score(sentences)],
        "NeighborIndex": lambda sentences: [
            neighbor.similarity for neighbor in NeighborIndex.build(embedder, sentences).search(np.ones(256))
        ],
        "allennlp.batch_to_embeddings": lambda sentences: old.batch_to_embeddings(sentences)[0],
        "allennlp.embed_sentences": lambda sentences: list(old.embed_sentences(sentences)),
        "bilm.Batcher": bilm.Batcher(None, 50).batch_sentences,
        "bilm.TokenBatcher": bilm.TokenBatcher(words).batch_sentences,
        "elmoformanylangs": elmoformanylangs.Embedder(weights).sents2elmo,
        "simple_elmo": simple.get_elmo_vectors,
        "simple_elmo, average": simple.get_elmo_vector_average,
    }


ENTRIES = [
    "batch_to_ids", "embed", "iter_embed", "embed_statefully", "Elmo", "score", "NeighborIndex",
    "allennlp.batch_to_embeddings", "allennlp.embed_sentences", "bilm.Batcher", "bilm.TokenBatcher",
    "elmoformanylangs", "simple_elmo", "simple_elmo, average",
]  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_strings_and_lists_of_tokens_are_alike(entries, name):
    expected = entries[name](SPLIT)
    for sentences in (TEXTS, np.array(TEXTS), (text for text in TEXTS), map(iter, SPLIT)):
        found = entries[name](sentences)
        assert len(found) == len(expected)
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (["the cat", float("nan")], r"\[1\]: expected a list of tokens, got the float nan"),
        ([["the"], ["cat", None]], r"\[1\]\[1\]: expected a string, got None"),
        ([["the"], ["cat", "sat", b"on"]], r"\[1\]\[2\]: expected a string, got the bytes"),
        ({"a": 1}, r"expected a list of sentences, got a dict"),
        ("the cat", r"expected a list of sentences, got the single string"),
    ],
)
def test_mistakes_are_named_with_their_position(entries, name, sentences, message):
    with pytest.raises(ElmokitError, match=message):
        entries[name](sentences)


def test_one_sentence():
    language_model = LanguageModel.load("tiny-en")
    for call in (language_model.predictions, lambda sentence: language_model.substitutes(sentence, 0)):
        with pytest.raises(ElmokitError, match=r"^sentence\[1\]: expected a string, got None"):
            call(["the", None])


def test_words():
    embedder = ElmoEmbedder.load("tiny-en")
    for call in (embedder.encode, lambda words: list(embedder.encode_chunks(words))):
        with pytest.raises(ElmokitError, match=r"^words: expected a list of tokens, got the str 'cat'"):
            call("cat")
        with pytest.raises(ElmokitError, match=r"^words\[0\]: expected a string, got the int 3"):
            call([3])
    with pytest.raises(ElmokitError, match=r"^vocab_to_cache\[1\]: expected a string, got nan"):
        Elmo.from_pretrained("tiny-en", vocab_to_cache=["the", float("nan")])


@pytest.mark.parametrize(
    ("inputs", "signature", "message"),
    [
        (["the", None], "default", "inputs[1]: expected a string, got None"),
        (["the", 3], "default", "inputs[1]: expected a string, got the int 3"),
        (
            {"tokens": [["a", None]], "sequence_len": [2]},
            "tokens",
            "tokens[0][1]: expected a string, got None",
        ),
    ],
)
def test_tfhub(inputs, signature, message):
    with pytest.raises(ElmokitError, match=re.escape(message)):
        tfhub.load("tiny-en")(inputs, signature=signature)


# --- arguments other than sentences ---------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "x", 1.5, [1, 2], np.zeros((2, 2)), torch.zeros(3), {}])
def test_arguments_of_the_wrong_kind_are_told_by_name(value):
    pretrained = load("tiny-en")
    embedder, model = ElmoEmbedder(pretrained), LanguageModel(pretrained)
    index = NeighborIndex.build(embedder, ["the cat sat"])
    sentence = ["the", "cat"]
    for name, call in (
        ("batch_size", lambda: list(embedder.iter_embed([sentence], batch_size=value))),
        ("batch_size", lambda: list(model.score([sentence], batch_size=value))),
        ("position", lambda: model.substitutes(sentence, value)),
        ("k", lambda: model.substitutes(sentence, 0, value)),
        ("k", lambda: index.nearest(sentence, 0, value)),
        ("word", lambda: index.nearest(sentence, value)),
        ("vector", lambda: index.search(value)),
        ("vector", lambda: index.similar_words(value)),
        ("state", lambda: embedder.embed_statefully([sentence], value)),
        ("num_slots", lambda: embedder.zero_state(value)),
        ("layer", lambda: embedder.embed([sentence], value)),
        ("layer", lambda: embedder.layout(value, "float32")),
        ("model", lambda: load([value])),
        ("pretrained", lambda: Elmo(pretrained=[value])),
    ):
        with pytest.raises(ElmokitError, match=f"^{name}"):
            call()
    with pytest.raises(ElmokitError, match=r"^state: 1 slots, expected one for each of 2 sentences"):
        embedder.embed_statefully([sentence, sentence], embedder.zero_state(1))


def test_vectors_for_a_search_may_be_lists():
    embedder = ElmoEmbedder(load("tiny-en"))
    index = NeighborIndex.build(embedder, ["the cat sat"])
    vector = embedder.embed([["a", "dog"]], index.layer)[0][1]
    assert index.search(vector.tolist()) == index.search(vector)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int16, torch.int32])
def test_character_ids_may_be_of_any_type_of_integers(kind):
    layer = Elmo(pretrained=load("tiny-en"), dropout=0.0)
    ids = batch_to_ids([["a", "cat"]]) % 127
    expected, found = (layer(given)["elmo_representations"][0] for given in (ids, ids.to(kind)))
    assert torch.equal(expected, found)

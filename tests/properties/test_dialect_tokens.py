"""Any token and any batch through the calls of other libraries: the vectors are those of the embedder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from elmokit import ElmoEmbedder
from elmokit.dialects import allennlp, bilm, simple_elmo, tfhub
from elmokit.errors import ConfigError

# The same examples every time, and no file of earlier ones.
PROPERTY = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

STRANGE = ["", " ", "\0", "\n", "<S>", "</S>", "<UNK>", "\ud800", "🙂", "é" * 24, "🙂" * 3000, "the"]
TOKENS = st.sampled_from(STRANGE) | st.text(st.characters(exclude_categories=()), max_size=60)
BATCHES = st.lists(st.lists(TOKENS, max_size=6), max_size=5)


def padded(vectors: list[np.ndarray], num_steps: int) -> np.ndarray:
    """(B, L, T, D)"""
    return np.stack([np.pad(own, ((0, 0), (0, num_steps - own.shape[1]), (0, 0))) for own in vectors])


@pytest.fixture(scope="module")
def embedder(models) -> ElmoEmbedder:
    return ElmoEmbedder(models["characters"])


@pytest.fixture(scope="module")
def allennlp_embedder(directory) -> allennlp.ElmoEmbedder:
    return allennlp.ElmoEmbedder(weight_file=directory)


@pytest.fixture(scope="module")
def bilm_model(directory) -> bilm.BidirectionalLanguageModel:
    return bilm.BidirectionalLanguageModel(None, directory)


@pytest.fixture(scope="module")
def module(directory) -> tfhub.ElmoModule:
    return tfhub.load(directory)


@pytest.fixture(scope="module")
def simple(directory) -> simple_elmo.ElmoModel:
    model = simple_elmo.ElmoModel()
    model.load(directory, full=True)
    return model


@PROPERTY
@given(BATCHES)
@example([])
@example([[], []])
@example([STRANGE, []])
def test_allennlp(embedder, allennlp_embedder, batch):
    expected = embedder.embed(batch)
    found = allennlp_embedder.embed_batch(batch)
    assert [own.tobytes() for own in found] == [own.tobytes() for own in expected]
    assert [own.shape for own in allennlp_embedder.embed_sentences(batch, batch_size=2)] == [
        own.shape for own in expected
    ]
    vectors, mask = allennlp_embedder.batch_to_embeddings(batch)
    width = max(map(len, batch), default=0)
    assert mask.tolist() == [[step < len(sentence) for step in range(width)] for sentence in batch]
    assert vectors.shape == (len(batch), embedder.num_layers, width, embedder.dim)
    if batch:
        assert vectors.numpy().tobytes() == padded(expected, width).tobytes()


@PROPERTY
@given(BATCHES)
@example([])
@example([[], []])
@example([STRANGE, []])
def test_bilm(embedder, bilm_model, batch):
    ids = bilm.Batcher(None, 50).batch_sentences(batch)
    width = max(map(len, batch), default=0)
    assert ids.shape == (len(batch), width + 2, 50)
    found = bilm_model(ids)
    assert found["lengths"].tolist() == [len(sentence) for sentence in batch]
    assert found["mask"].tolist() == [[step < len(sentence) for step in range(width)] for sentence in batch]
    vectors = found["lm_embeddings"].numpy()
    assert vectors.shape == (len(batch), embedder.num_layers, width, embedder.dim)
    assert np.isfinite(vectors).all()
    for own, expected in zip(vectors, embedder.embed(batch), strict=True):
        np.testing.assert_allclose(own[:, : expected.shape[1]], expected, rtol=0, atol=1e-6)


@PROPERTY
@given(BATCHES)
@example([[], STRANGE])
def test_bilm_on_word_ids(directory, batch):
    words = (directory / "vocab.txt").read_text(encoding="utf-8").splitlines()
    ids = bilm.TokenBatcher(directory / "vocab.txt").batch_sentences(batch)
    place = {word: row + 1 for row, word in enumerate(words)}
    for own, sentence in zip(ids.tolist(), batch, strict=True):
        expected = [place.get(word, place["<UNK>"]) for word in ("<S>", *sentence, "</S>")]
        assert own == expected + [0] * (len(own) - len(expected))


@PROPERTY
@given(BATCHES, st.integers(0, 3))
@example([], 0)
@example([[], []], 0)
@example([STRANGE, []], 2)
def test_tfhub_tokens(embedder, module, batch, more):
    width = max(map(len, batch)) + more if batch else 0
    tokens = [[*sentence, *["?"] * (width - len(sentence))] for sentence in batch]
    found = module(
        {"tokens": tokens, "sequence_len": [len(sentence) for sentence in batch]}, "tokens", as_dict=True
    )
    assert found["elmo"].shape == (len(batch), width, embedder.dim)
    for k, sentence in enumerate(batch):
        expected = embedder.embed([sentence], "average")[0]
        np.testing.assert_allclose(found["elmo"][k, : len(sentence)].detach(), expected, rtol=0, atol=1e-6)
        assert not found["elmo"][k, len(sentence) :].any()
        mean = expected.mean(axis=0) if sentence else np.zeros(embedder.dim)
        np.testing.assert_allclose(found["default"][k].detach(), mean, rtol=0, atol=1e-6)


@PROPERTY
@given(st.lists(TOKENS, max_size=4))
@example([])
@example(STRANGE)
@example([" the  cat ", "\0", "a\0"])
def test_tfhub_strings_are_split_at_spaces_alone(embedder, module, texts):
    found = module(texts, as_dict=True)
    for k, text in enumerate(texts):
        words = [word for word in text.split(" ") if word]
        (expected,) = embedder.embed([words], "average")
        np.testing.assert_allclose(found["elmo"][k, : len(words)].detach(), expected, rtol=0, atol=1e-6)
        assert not found["elmo"][k, len(words) :].any()


@pytest.mark.parametrize("bad", [[["a"], ["b", "c"]], [["a"]], "a text", [1.5, ["a"]]])
def test_tfhub_refuses_what_is_no_list_of_strings(module, bad):
    with pytest.raises(ConfigError, match=r"^signature default: expected a list of strings"):
        module(bad)


def test_tfhub_refuses_bytes_that_are_no_text(module):
    with pytest.raises(ConfigError, match=r"not UTF-8: b'a\\xff'"):
        module([b"a\xff"])


@PROPERTY
@given(BATCHES, st.sampled_from(["average", "top", "all"]))
@example([], "all")
@example([[], []], "average")
@example([STRANGE, []], "all")
def test_simple_elmo(embedder, simple, batch, layers):
    found = simple.get_elmo_vectors(batch, layers=layers)
    means = simple.get_elmo_vector_average(batch, layers=layers)
    expected = embedder.embed(batch, layers)
    assert len(found) == len(means) == len(batch)
    for own, mean, vectors in zip(found, means, expected, strict=True):
        num_words = vectors.shape[-2]
        assert np.array_equal(own[..., :num_words, :], vectors)
        assert not own[..., num_words:, :].any()
        total = vectors.astype(np.float64).sum(axis=-2)
        norm = np.linalg.norm(total)
        np.testing.assert_allclose(mean, total / norm if norm else total, rtol=0, atol=1e-12)


@PROPERTY
@given(st.lists(TOKENS, max_size=3), st.integers(1, 12))
@example(STRANGE, 2)
@example([], 1)
def test_simple_elmo_substitutes(simple, models, texts, topn):
    vocabulary = models["characters"].vocabulary
    found = simple.get_elmo_substitutes(texts, topn=topn)
    assert len(found) == len(texts)
    for own, text in zip(found, texts, strict=True):
        assert [place["word"] for place in own] == [
            word if word in vocabulary else "<UNK>" for word in text.split()
        ]
        for place in own:
            for direction in (place["forward"], place["backward"]):
                words = direction["candidate_words"]
                assert len(words) == min(topn, len(vocabulary) - 2)
                assert {"<S>", "</S>"}.isdisjoint(words)
                assert direction["logp"] == sorted(direction["logp"], reverse=True)

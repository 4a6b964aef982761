"""A sentence's vectors depend only on the sentence and the model."""

from __future__ import annotations

import copy
import pickle
import random

import h5py
import numpy as np
import pytest
import torch

from elmokit.data.characters import boundary_rows
from elmokit.data.indexers import CharacterIndexer
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.kernels.library import is_available
from elmokit.language_model import LanguageModel
from elmokit.loading import load
from elmokit.model.parallel import computing_threads

SENTENCES = [
    ["the", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["on"],
    [f"word{k}" for k in range(40)],
    ["naïve", "我", "喜欢", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "."],
    ["the", "cat", "sat", "on", "the", "mat", "."],
    ["<S>", "cat", "</S>", "<UNK>"],
    [f"w{k % 3}" for k in range(23)],
    ["mat", "mat"],
]


@pytest.fixture
def embedder(kind, model_directory) -> ElmoEmbedder:
    return ElmoEmbedder.load(model_directory(kind))


@pytest.fixture
def alone(embedder) -> list[np.ndarray]:
    """Vectors of each sentence alone, from an embedder that has seen no other sentence."""
    vectors = [ElmoEmbedder(embedder.pretrained).embed([sentence])[0] for sentence in SENTENCES]
    # They differ from sentence to sentence.
    assert not np.allclose(vectors[0][:, 0], vectors[0][:, 4])  # the same word in different contexts
    assert not np.allclose(vectors[2][:, 0], vectors[8][:, 0])
    return vectors


def _assert_same(actual: list[np.ndarray], expected: list[np.ndarray], atol: float = 1e-6) -> None:
    assert len(actual) == len(expected)
    for vectors, others in zip(actual, expected, strict=True):
        np.testing.assert_allclose(vectors, others, rtol=0, atol=atol)


def test_shapes(kind, embedder, alone):
    assert embedder.num_layers == 3
    assert embedder.dim == (16 if kind == "forward only" else 32)
    for sentence, vectors in zip(SENTENCES, alone, strict=True):
        assert vectors.shape == (3, len(sentence), embedder.dim)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(alone[0], alone[5])


def test_the_token_layer_has_no_context(kind, alone):
    np.testing.assert_allclose(alone[0][0, 0], alone[0][0, 4], rtol=0, atol=1e-6)
    if kind != "forward only":
        np.testing.assert_array_equal(alone[0][0, :, :16], alone[0][0, :, 16:])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_batch_size_and_padding(batch_size, embedder, alone):
    _assert_same(embedder.embed(SENTENCES, batch_size=batch_size), alone)


def test_order(embedder, alone):
    order = random.Random(0).sample(range(len(SENTENCES)), len(SENTENCES))
    vectors = embedder.embed([SENTENCES[k] for k in order], batch_size=2)
    _assert_same(vectors, [alone[k] for k in order])


def test_sentences_are_read_and_sorted_several_times(embedder, alone):
    _assert_same(embedder.embed(SENTENCES * 8, batch_size=2), alone * 8)


def test_history(embedder, alone):
    embedder.embed_statefully(SENTENCES[:1], embedder.zero_state(1))
    for _ in range(2):
        _assert_same(embedder.embed(SENTENCES), alone)


@pytest.mark.parametrize("num_types", [0, 1, 10, 60])
def test_cache_overflow(num_types, embedder, alone):
    embedder = ElmoEmbedder(embedder.pretrained, max_cached_types=num_types)
    for _ in range(2):
        _assert_same(embedder.embed(SENTENCES, batch_size=2), alone)


def test_the_cache_is_bounded(embedder):
    embedder = ElmoEmbedder(embedder.pretrained, max_cached_types=30)
    for k in range(20):
        embedder.embed([[f"{k}-{n}" for n in range(7)]])
        assert len(embedder._cache) <= 30


def test_strings_are_split_on_whitespace(embedder, alone):
    _assert_same(embedder.embed([" ".join(sentence) for sentence in SENTENCES]), alone)
    _assert_same(embedder.embed(["\tthe  cat sat\u3000on the mat .\n"]), alone[:1])


def test_a_single_string_is_refused(embedder):
    with pytest.raises(ElmokitError, match=r"got the single string 'the cat': put it in a list"):
        embedder.embed("the cat")


def test_layers(embedder, alone):
    def check(layers, expected):
        _assert_same(embedder.embed(SENTENCES, layers), expected)

    check("all", alone)
    check("top", [vectors[2] for vectors in alone])
    check("average", [vectors.mean(axis=0) for vectors in alone])
    for layer in (0, 1, 2, -1, -3):
        check(layer, [vectors[layer] for vectors in alone])


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_layers_are_bit_identical_to_those_of_all(batch_size, embedder):
    everything = embedder.embed(SENTENCES, batch_size=batch_size)
    for layers, select in {
        "top": lambda vectors: vectors[2],
        "average": lambda vectors: vectors.mean(axis=0),
        **{k: lambda vectors, k=k: vectors[k] for k in (0, 1, 2, -1, -2, -3)},
    }.items():
        for own, vectors in zip(
            embedder.embed(SENTENCES, layers, batch_size=batch_size), everything, strict=True
        ):
            assert own.dtype == np.float32
            assert own.flags.c_contiguous
            np.testing.assert_array_equal(own, select(vectors), err_msg=str(layers))


@pytest.mark.parametrize(
    ("layers", "num_run"), [(0, 0), (1, 1), (-2, 1), ("top", 2), ("average", 2), ("all", 2)]
)
def test_layers_that_are_not_requested_are_not_computed(layers, num_run, embedder):
    run = []
    for direction, stack in enumerate(embedder.model.stacks):
        for k, layer in enumerate(stack):
            layer.register_forward_hook(lambda *_, name=(direction, k): run.append(name))
    embedder.embed(SENTENCES[:1], layers)
    assert sorted(run) == [(d, k) for d in range(len(embedder.model.stacks)) for k in range(num_run)]


def test_run_returns_the_requested_layers(embedder):
    everything, state = embedder.run(SENTENCES)
    assert state is None
    for layers in ([0], [2], [2, 0, 1], []):
        own, _ = embedder.run(SENTENCES, layers=layers)
        assert len(own) == len(layers)
        for index, values in zip(layers, own, strict=True):
            assert torch.equal(values, everything[index])
    # With a state all layers are run, because all states are carried.
    zero = embedder.zero_state(len(SENTENCES))
    _, carried = embedder.run(SENTENCES, zero)
    _, same = embedder.run(SENTENCES, zero, layers=[0])
    parts, same_parts = (
        [part for direction in states for layer in direction for part in layer] for states in (carried, same)
    )
    assert all(torch.equal(part, other) for part, other in zip(parts, same_parts, strict=True))


@pytest.mark.parametrize("layers", [3, -4, "bottom", 1.5])
def test_layers_that_do_not_exist(layers, embedder):
    with pytest.raises(ConfigError, match=r"layers: expected all, top, average or 0 to 2, got"):
        embedder.embed(SENTENCES, layers)


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_half_precision_is_that_of_numpy(pooling, embedder):
    full, half = (embedder.embed(SENTENCES, pooling=pooling, dtype=d) for d in ("float32", "float16"))
    for one, other in zip(full, half, strict=True):
        np.testing.assert_array_equal(other, one.astype(np.float16), strict=True)
    with pytest.raises(ConfigError, match="dtype: expected float32 or float16, got"):
        embedder.embed(SENTENCES, dtype="int8")


def test_batch_size_must_be_positive(embedder):
    with pytest.raises(ConfigError, match=r"batch_size: expected at least 1, got 0"):
        embedder.embed(SENTENCES, batch_size=0)


def test_no_sentence(embedder):
    assert embedder.embed([]) == []


def test_results_come_as_they_are_read(embedder):
    num_read = 0

    def endless():
        nonlocal num_read
        while True:
            num_read += 1
            yield ["the", "cat"]

    results = embedder.iter_embed(endless(), batch_size=4)
    next(results)
    assert num_read == 64  # 16 batches


def test_embed_file(embedder, alone, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES), encoding="utf-8")
    assert embedder.embed_file(text, tmp_path / "vectors.hdf5", batch_size=2) == len(SENTENCES)
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert sorted(file, key=int) == [str(k) for k in range(len(SENTENCES))]
        _assert_same([file[str(k)][()] for k in range(len(SENTENCES))], alone)


def test_statefully_from_zero_is_fresh(embedder, alone):
    """Sentences may have any order of lengths; the second time, the state is different."""
    vectors, state = embedder.embed_statefully(SENTENCES, embedder.zero_state(len(SENTENCES)))
    _assert_same(vectors, alone, atol=1e-5)
    again, _ = embedder.embed_statefully(SENTENCES, state)
    np.testing.assert_allclose(again[0][0], alone[0][0], rtol=0, atol=1e-6)  # the token layer does not change
    assert np.abs(again[0][1:] - alone[0][1:]).max() > 1e-3


def test_unknown_words_share_a_vector_in_a_word_model(model_directory):
    embedder = ElmoEmbedder.load(model_directory("words"))
    dog, cow, unknown = embedder.embed([["dog"], ["cow"], ["<UNK>"]])
    np.testing.assert_array_equal(dog, cow)
    np.testing.assert_array_equal(dog, unknown)
    assert not np.allclose(dog, embedder.embed([["cat"]])[0])


def test_a_word_model_needs_its_vocabulary(model_directory):
    directory = model_directory("words")
    (directory / "vocab.txt").unlink()
    with pytest.raises(ModelFileError, match=r"needs its vocabulary: put vocab\.txt"):
        ElmoEmbedder.load(directory)


def test_markers_in_a_sentence_are_the_markers():
    rows = CharacterIndexer(50).index(["<S>", "cat", "</S>"]).char_ids
    np.testing.assert_array_equal(rows[[0, 2]], boundary_rows(50))


@pytest.mark.parametrize("num_threads", [2, 3, 5])
def test_the_number_of_threads_does_not_matter(num_threads):
    """With products that are large enough for oneDNN, and batches that are divided into groups of rows."""
    sentences = [[f"w{(k * n) % 17}" for n in range(1 + k % 9)] for k in range(90)]
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, num_threads):
            torch.set_num_threads(threads)
            results.append(ElmoEmbedder.load("tiny-en").embed(sentences, batch_size=80))
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(one, several) for one, several in zip(*results, strict=True))


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_changed_parameters_are_noticed(kind, model_directory, make_model, make_config):
    embedder = ElmoEmbedder.load(model_directory(kind))
    embedder.embed(SENTENCES)
    old = embedder.fingerprint
    new = make_model(make_config(kind)).requires_grad_(False).without_softmax()
    for parameter in new.parameters():
        parameter.mul_(0.5)
    embedder.model.load_state_dict(new.state_dict(), strict=False)
    expected = ElmoEmbedder(copy.copy(embedder.pretrained))
    _assert_same(embedder.embed(SENTENCES), expected.embed(SENTENCES), atol=0)
    assert embedder.fingerprint == expected.fingerprint != old


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_pickle_has_neither_softmax_nor_cache(kind, model_directory):
    pretrained = load(model_directory(kind))
    fresh = len(pickle.dumps(ElmoEmbedder(pretrained)))
    embedder = ElmoEmbedder(pretrained)
    expected = embedder.embed(SENTENCES)
    pickled = pickle.dumps(embedder)
    assert len(pickled) <= fresh + 100
    for other in (pickle.loads(pickled), copy.deepcopy(embedder)):
        assert other.model is other.pretrained.model
        assert other.model.softmax is None
        assert other.fingerprint == embedder.fingerprint
        _assert_same(other.embed(SENTENCES), expected, atol=0)
    assert embedder.model is pretrained.model


def test_a_language_model_is_pickled_with_its_softmax():
    language_model = LanguageModel.load("tiny-en")
    other = pickle.loads(pickle.dumps(language_model))
    assert other.substitutes("the cat sat", 1) == language_model.substitutes("the cat sat", 1)
    assert language_model._embedder.model.softmax is not None


@pytest.mark.parametrize(("precision", "least_cosine"), [("bf16", 0.999), ("int8", 0.99)])
def test_rounded_vectors_are_near_and_depend_on_nothing_else(precision, least_cosine):
    if not is_available(precision):
        pytest.skip("the processor has no such products")
    exact = ElmoEmbedder.load("tiny-en")
    rounded = ElmoEmbedder(exact.pretrained, precision=precision)
    sentences = [["one", "word"], ["and", "then", "some", "more", "words"], [], ["one"], ["more"] * 40]
    together = rounded.embed(sentences)
    for own, theirs, sentence in zip(together, exact.embed(sentences), sentences, strict=True):
        assert np.array_equal(own, rounded.embed([sentence])[0])
        if sentence:
            assert not np.array_equal(own, theirs)
            cosines = (own * theirs).sum(-1) / np.linalg.norm(own, axis=-1) / np.linalg.norm(theirs, axis=-1)
            assert cosines.min() > least_cosine
    backwards = rounded.embed(sentences[::-1])
    with computing_threads(3):
        by_others = ElmoEmbedder(exact.pretrained, precision=precision).embed(sentences)
    assert all(map(np.array_equal, together, backwards[::-1]))
    assert all(map(np.array_equal, together, by_others))
    assert rounded.fingerprint != exact.fingerprint
    assert f"precision={precision!r}" in repr(rounded)

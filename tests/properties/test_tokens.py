"""Any string is a token and any ragged list of lists of them a batch: their vectors are the right ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from elmokit import ElmoEmbedder, LanguageModel, Vocabulary
from elmokit.data.indexers import CharacterIndexer
from elmokit.elmo import Elmo, batch_to_ids
from elmokit.errors import ConfigError, OutputError, VocabularyError
from elmokit.formats.token_embeddings import read_token_table, write_token_embeddings

KINDS = ["characters", "forward only", "words", "words and characters"]
LAYERS = ["all", "top", "average", 0, 1, -1]

# The same examples every time, and no file of earlier ones.
PROPERTY = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# fmt: off
STRANGE = [
    "", " ", "\0", "\n", "\u3000", "\u2028", "\x7f", "\ufeff", "\u202e", "\uffff", "\U0010ffff",
    "<S>", "</S>", "<UNK>", "<s>", "<bos>", "<eos>", "<bow>", "<eow>", "<oov>", "<pad>", "!!!MAXTERMID",
    "\ud800", "\udfff", "\udc80a", "a\ud83d", "\ude42\ud83d", "🙂", "👩‍👩‍👧‍👦", "e\u0301", "é", "ﷺ", "我",
    "the", "x" * 47, "x" * 48, "x" * 49, "é" * 24, "x" + "é" * 24, "🙂" * 12, "xx" + "🙂" * 12,
    "a" * 60, "a" * 61, "x" * 10_000, "🙂" * 10_000, "\ud800" * 10_000, " " * 10_000,
]
# fmt: on
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
TOKENS = st.sampled_from(STRANGE) | ANY_TEXT | st.sampled_from(["the", "cat", "naïve"])
SENTENCES = st.lists(TOKENS, max_size=7)
BATCHES = st.lists(SENTENCES, max_size=6)


def row_of(word: str, num_places: int = 50) -> list[int]:
    """The symbols of a word, as the original spells it."""
    if word in ("<S>", "</S>"):
        row = [258, 256 if word == "<S>" else 257, 259]
    else:
        encoded = b"".join(c.encode() for c in word if not "\ud800" <= c <= "\udfff")
        row = [258, *encoded[: num_places - 2], 259]
    return row + [260] * (num_places - len(row))


def token_vector(row: list[int], parameters: dict[str, np.ndarray]) -> np.ndarray:
    """The character encoder, written down plainly: every window of every filter."""
    characters = parameters["encoder.embedding"][row]  # (C, E)
    features = []
    for k in range(3):
        kernel = parameters[f"encoder.kernels.{k}"]  # (width, E, n)
        windows = [
            np.einsum("we,wen->n", characters[start : start + len(kernel)], kernel)
            for start in range(len(row) - len(kernel) + 1)
        ]
        features.append(np.max(windows, axis=0) + parameters[f"encoder.biases.{k}"])
    x = np.maximum(np.concatenate(features), 0)
    for k in range(sum(name.endswith(".carry") for name in parameters)):
        highway = {
            name: parameters[f"encoder.highways.{k}.{name}"]
            for name in ("carry", "carry_bias", "transform", "transform_bias")
        }
        gate = 1 / (1 + np.exp(-(x @ highway["carry"] + highway["carry_bias"])))
        x = gate * np.maximum(x @ highway["transform"] + highway["transform_bias"], 0) + (1 - gate) * x
    vector: np.ndarray = x @ parameters["encoder.projection"] + parameters["encoder.projection_bias"]
    return vector


@pytest.fixture(scope="module")
def embedders(models) -> dict[str, ElmoEmbedder]:
    return {kind: ElmoEmbedder(model) for kind, model in models.items()}


@pytest.fixture(scope="module")
def parameters(models) -> dict[str, np.ndarray]:
    return {name: p.double().numpy() for name, p in models["characters"].model.named_parameters()}


@pytest.fixture(scope="module")
def layer(models) -> Elmo:
    """The plain mean of the layers."""
    return Elmo(pretrained=models["characters"], dropout=0.0, scalar_mix_parameters=[0.0, 0.0, 0.0]).eval()


@pytest.fixture(scope="module")
def language_models(models) -> dict[str, LanguageModel]:
    return {kind: LanguageModel(models[kind]) for kind in KINDS[:3]}


# --- spelling ------------------------------------------------------------------------------------


@PROPERTY
@given(st.lists(TOKENS, max_size=8), st.integers(3, 60))
@example(STRANGE, 50)
@example(STRANGE, 3)
def test_a_token_is_its_bytes(words, num_places):
    rows = CharacterIndexer(num_places).index(words).char_ids
    assert rows.shape == (len(words), num_places)
    assert rows.tolist() == [row_of(word, num_places) for word in words]


@PROPERTY
@given(BATCHES)
@example([])
@example([[], []])
@example([STRANGE, [], ["<S>"]])
def test_ids_are_rows_plus_one_and_zero_is_padding(batch):
    ids = batch_to_ids(batch)
    width = max((len(sentence) for sentence in batch), default=0)
    assert ids.shape == (len(batch), width, 50)
    for own, sentence in zip(ids.tolist(), batch, strict=True):
        assert own[: len(sentence)] == [[symbol + 1 for symbol in row_of(word)] for word in sentence]
        assert not any(symbol for row in own[len(sentence) :] for symbol in row)


@PROPERTY
@given(st.lists(TOKENS, max_size=4))
@example(STRANGE)
def test_an_alphabet_of_its_own_takes_code_points(models, words):
    lexicon = models["words and characters"].lexicon
    room = lexicon.max_characters - 2
    unknown, padding = (lexicon.characters[special] for special in ("<oov>", "<pad>"))
    rows, ids = lexicon.index(words)
    for row, id_, word in zip(rows.tolist(), ids.tolist(), words, strict=True):
        cut = word[:room]
        symbols = [word] if word in ("<bos>", "<eos>") else list(cut)
        spelled = [lexicon.characters.get(symbol, unknown) for symbol in symbols]
        expected = [lexicon.characters["<eow>"], *spelled, lexicon.characters["<bow>"]]
        assert row == expected + [padding] * (lexicon.max_characters - len(expected))
        assert id_ == lexicon.words.get(cut, lexicon.words["<oov>"])


# --- vectors -------------------------------------------------------------------------------------


@PROPERTY
@given(st.lists(TOKENS, min_size=1, max_size=4))
@example(STRANGE)
def test_token_vectors_come_from_the_bytes_alone(embedders, parameters, words):
    (vectors,) = embedders["characters"].embed([words], layers=0)
    expected = np.stack([token_vector(row_of(word), parameters) for word in words])
    np.testing.assert_allclose(vectors, np.concatenate([expected, expected], axis=1), rtol=0, atol=2e-6)


@PROPERTY
@given(SENTENCES)
@example(STRANGE)
def test_words_outside_a_vocabulary_are_one_word(embedders, models, sentence):
    known = set(models["words"].vocabulary.words)
    embedder = embedders["words"]
    (vectors,) = embedder.embed([sentence])
    (expected,) = embedder.embed([[word if word in known else "<UNK>" for word in sentence]])
    assert vectors.tobytes() == expected.tobytes()
    table = models["words"].model.encoder.weight.numpy()
    ids = [models["words"].vocabulary.id_of(word) for word in sentence]
    assert vectors[0].tobytes() == np.concatenate([table[ids], table[ids]], axis=1).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(batch=BATCHES, layers=st.sampled_from(LAYERS), batch_size=st.integers(1, 7))
@example(batch=[], layers="all", batch_size=1)
@example(batch=[[], []], layers="all", batch_size=64)
@example(batch=[[], STRANGE, ["the"], []], layers="all", batch_size=64)
@example(batch=[["the"] * 40, STRANGE, ["the"]], layers="top", batch_size=2)
def test_a_sentence_has_the_vectors_that_it_has_alone(embedders, models, kind, batch, layers, batch_size):
    embedder = embedders[kind]
    found = embedder.embed(batch, layers, batch_size=batch_size)
    assert len(found) == len(batch)
    alone = ElmoEmbedder(models[kind])  # which remembers no token of an earlier example
    for sentence, vectors in zip(batch, found, strict=True):
        shape = (len(sentence), embedder.dim)
        assert vectors.shape == ((embedder.num_layers, *shape) if layers == "all" else shape)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        assert vectors.tobytes() == alone.embed([sentence], layers)[0].tobytes()


@PROPERTY
@given(st.lists(ANY_TEXT | st.sampled_from(STRANGE), max_size=4))
@example(STRANGE)
def test_a_plain_string_is_split_at_white_space(embedders, texts):
    found = embedders["characters"].embed(texts)
    expected = embedders["characters"].embed([text.split() for text in texts])
    assert [vectors.tobytes() for vectors in found] == [vectors.tobytes() for vectors in expected]


@PROPERTY
@given(BATCHES)
@example([])
@example([[], []])
@example([STRANGE, [], ["<S>", "", "</S>"]])
def test_the_layer_agrees_with_the_embedder(embedders, layer, batch):
    expected = embedders["characters"].embed(batch, layers="average")
    width = max((len(sentence) for sentence in batch), default=0)
    for inputs in (batch, batch_to_ids(batch)):
        output = layer(inputs)
        (representation,), mask = output["elmo_representations"], output["mask"]
        assert representation.shape == (len(batch), width, layer.get_output_dim())
        assert mask.tolist() == [[step < len(sentence) for step in range(width)] for sentence in batch]
        assert not representation[~mask].any()
        for own, vectors in zip(representation, expected, strict=True):
            np.testing.assert_allclose(own[: len(vectors)].numpy(), vectors, rtol=0, atol=1e-6)


# --- the language model --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS[:3])
@PROPERTY
@given(batch=BATCHES, batch_size=st.integers(1, 7))
@example(batch=[[]], batch_size=1)
@example(batch=[[], STRANGE, ["the"]], batch_size=64)
def test_scores_are_the_predictions_of_each_token(language_models, models, kind, batch, batch_size):
    language_model, vocabulary = language_models[kind], models[kind].vocabulary
    scores = list(language_model.score(batch, batch_size=batch_size))
    assert len(scores) == len(batch)
    for sentence, score in zip(batch, scores, strict=True):
        ids = [vocabulary.id_of(word) for word in sentence]
        assert score.tokens == tuple(sentence)
        assert score.is_unknown == tuple(id_ == 2 for id_ in ids)
        left, right = language_model.predictions(sentence)
        rows = np.arange(len(sentence))
        assert (score.forward < 0).all()
        assert score.forward.shape == (len(sentence) + 1,)
        np.testing.assert_allclose(score.forward[:-1], left.numpy()[rows, ids], rtol=0, atol=1e-5)
        np.testing.assert_allclose(left.exp().sum(dim=1), np.ones(len(sentence)), rtol=0, atol=1e-5)
        assert (score.backward is None) == (kind == "forward only")
        if score.backward is not None:
            assert score.backward.shape == (len(sentence) + 1,)
            np.testing.assert_allclose(score.backward[1:], right.numpy()[rows, ids], rtol=0, atol=1e-5)
        assert 1.0 < score.perplexity < 1e6


@pytest.mark.parametrize("kind", KINDS[:3])
@PROPERTY
@given(sentence=SENTENCES, position=st.integers(-9, 9), k=st.integers(1, 12))
@example(sentence=STRANGE, position=20, k=3)
@example(sentence=[], position=0, k=1)
def test_substitutes_are_words_that_fit_best(language_models, models, kind, sentence, position, k):
    language_model, words = language_models[kind], models[kind].vocabulary.words
    if not -len(sentence) <= position < len(sentence):
        with pytest.raises(ConfigError, match=r"^position: "):
            language_model.substitutes(sentence, position, k)
        return
    found = language_model.substitutes(sentence, position, k)
    left, right = language_model.predictions(sentence)
    both = left if right is None else torch.log_softmax(left + right, dim=1)
    expected = [(found.combined, both), (found.forward, left), (found.backward, right)]
    for candidates, predictions in expected:
        if predictions is None:
            assert candidates == []
            continue
        row = predictions[position].numpy()
        best = sorted(range(3, len(words)), key=lambda id_: -row[id_])[:k]
        assert [candidate.word for candidate in candidates] == [words[id_] for id_ in best]
        np.testing.assert_allclose([c.log_probability for c in candidates], row[best], rtol=0, atol=1e-5)
    # What stands at the place has no part in it.
    changed = [*sentence]
    changed[position] = "dog"
    assert language_model.substitutes(changed, position, k) == found


# --- words that are written down -----------------------------------------------------------------


@PROPERTY
@given(st.lists(TOKENS, unique=True, min_size=1, max_size=5))
@example(["\0"])
@example(["\ud800"])
@example(["x" * 10_000, "🙂" * 10_000])
def test_a_vocabulary_is_read_as_it_was_written_or_refused(tmp_path_factory, words):
    path = tmp_path_factory.getbasetemp() / "any-vocabulary.txt"
    is_good = all(
        word.split() == [word]
        and "\0" not in word
        and not any("\ud800" <= c <= "\udfff" for c in word)
        and word not in ("<S>", "</S>", "<UNK>", "!!!MAXTERMID")
        for word in words
    )
    if not is_good:
        with pytest.raises(VocabularyError, match=r"^word [0-9]+: "):
            Vocabulary(["<S>", "</S>", "<UNK>", *words])
        return
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", *words])
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert [vocabulary.id_of(word) for word in words] == [*range(3, 3 + len(words))]
    assert len(vocabulary.fingerprint) == 32


@PROPERTY
@given(st.lists(TOKENS, unique=True, min_size=1, max_size=5))
@example(["\0"])
@example(["a\ud800"])
@example(["", "x" * 10_000])
def test_token_vectors_are_read_as_they_were_written_or_refused(tmp_path_factory, words):
    path = tmp_path_factory.getbasetemp() / "any-tokens.hdf5"
    vectors = np.random.default_rng(0).normal(size=(len(words), 4)).astype(np.float32)
    if any("\0" in word or any("\ud800" <= c <= "\udfff" for c in word) for word in words):
        with pytest.raises(OutputError, match=r"any-tokens\.hdf5: HDF5 cannot hold these words: '"):
            write_token_embeddings(path, words, vectors)
        return
    write_token_embeddings(path, words, vectors)
    table = read_token_table(path)
    assert list(table) == words
    assert table.vectors.numpy().tobytes() == vectors.tobytes()

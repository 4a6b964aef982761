"""Files that do not match each other: every problem is reported, with its file and tensor."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from elmokit.data.vocabulary import Vocabulary
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, MissingModelError, ModelFileError
from elmokit.formats.token_embeddings import write_token_embeddings
from elmokit.language_model import LanguageModel
from elmokit.loading import load

SENTENCE = ["the", "dog", "naïve", "unheard-of"]


# --- vocabularies that do not match ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<S>\n</S>\n<UNK>\nthe\n", "{path}: 4 words, softmax_weights.hdf5 predicts 8"),
        ("the\ncat\n", "{path}: no line is <S> or </S> or <UNK>: not the vocabulary of a biLM"),
        ("the\n<S>\n</S>\n", "{path}: no line is <UNK>: not the vocabulary of a biLM"),
        ("", "{path}: the file is empty"),
    ],
)
def test_a_bad_vocabulary_does_not_prevent_embedding(content, expected, make, pair, write, load_error):
    path = pair / "vocab.txt"
    path.write_text(content)
    loaded = load(pair)
    assert loaded.vocabulary is None
    vectors = ElmoEmbedder(loaded).embed([SENTENCE])[0]
    np.testing.assert_array_equal(vectors, ElmoEmbedder(make()).embed([SENTENCE])[0])
    with pytest.raises(ModelFileError) as error:
        LanguageModel(loaded)
    assert str(error.value).startswith(
        f"{pair / 'weights.hdf5'}: the softmax predicts 8 words, but the vocabulary is not known: "
        + expected.format(path=path)
    )
    # Words that are not spelled need it.
    words = write("words", "words")
    (words / "vocab.txt").write_text(content)
    assert load_error(ModelFileError, words).startswith(expected.format(path=words / "vocab.txt"))


def test_no_vocabulary_for_a_softmax(pair):
    (pair / "vocab.txt").unlink()
    with pytest.raises(
        ModelFileError, match=r"not known: put the vocab\.txt of its training beside the weights"
    ):
        LanguageModel.load(pair)


@pytest.mark.parametrize("size", [7, 9])
def test_a_vocabulary_that_does_not_match_word_embeddings(size, write, load_error):
    directory = write("words", with_softmax=False)
    words = [*Vocabulary.load(directory / "vocab.txt").words, "cow"][:size]
    Vocabulary(words).save(directory / "vocab.txt")
    assert (
        load_error(ModelFileError, directory) == f"{directory / 'vocab.txt'}: {size} words, n_tokens_vocab=8"
    )


def test_word_embeddings_whose_number_is_counted(make, write, assert_same, load_error, change_options):
    directory = write("words", with_softmax=False)
    change_options(directory, lambda options: options.pop("n_tokens_vocab"))
    assert_same(make("words", with_softmax=False), load(directory))
    (directory / "vocab.txt").unlink()
    assert load_error(ConfigError, directory) == (
        f"{directory / 'options.json'}: n_tokens_vocab: expected the number of word embeddings, got None"
    )


@pytest.mark.parametrize("value", ["6", -1, 2.5, [6], True])
def test_a_number_of_words_that_is_none(value, write, load_error, change_options):
    directory = write("words", with_softmax=False)
    change_options(directory, lambda options: options.update(n_tokens_vocab=value))
    assert f"n_tokens_vocab: expected the number of word embeddings, got {value!r}" in load_error(
        ConfigError, directory
    )


# --- files that do not match -----------------------------------------------------------------------


def test_options_are_missing(pair, load_error):
    (pair / "options.json").unlink()
    message = load_error(MissingModelError, pair)
    assert message == (
        f"{pair / 'options.json'}: no such file: expected the settings of weights.hdf5 "
        "(.json files with settings here: none)"
    )
    for name in ("a.json", "b.json"):
        (pair / name).write_text('{"lstm": {}}')
    assert "(.json files with settings here: a.json, b.json)" in load_error(MissingModelError, pair)


@pytest.mark.parametrize("content", ["{", "[]", '{"lstm": 3}', '{"lstm": {"dim": -1}}', '{"lstm": null}'])
def test_options_are_wrong(pair, content, load_error):
    (pair / "options.json").write_text(content)
    assert f"{pair / 'options.json'}: " in load_error(ConfigError, pair)


def test_options_of_another_geometry_name_every_tensor(pair, load_error, change_options):
    def change(options: dict[str, Any]) -> None:
        options["lstm"]["dim"] = 9
        options["char_cnn"]["n_highway"] = 2

    change_options(pair, change)
    message = load_error(ModelFileError, pair)
    assert message.startswith(f"{pair / 'weights.hdf5'}: does not match its options.json: ")
    cell = "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell"
    assert f"{cell}/W_0: shape (8, 32), expected (8, 36)" in message
    assert f"{cell}/W_P_0: shape (8, 4), expected (9, 4)" in message
    assert "CNN_high_1/W_carry: missing" in message


def test_fewer_layers_than_stored(pair, load_error, change_options):
    change_options(pair, lambda options: options["lstm"].update(n_layers=1))
    assert "RNN_0/RNN/MultiRNNCell/Cell1/LSTMCell/W_0: unexpected" in load_error(ModelFileError, pair)


def test_a_file_that_is_no_file_of_weights(pair, load_error):
    write_token_embeddings(pair / "weights.hdf5", ["the"], np.zeros((1, 4), np.float32))
    message = load_error(ModelFileError, pair)
    assert message.startswith(
        f"{pair / 'weights.hdf5'}: does not match its options.json: char_embed: missing; "
    )
    assert message.endswith("embedding: unexpected")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 5), "softmax/W: shape (8, 5), expected (8, 4)"),
        ((4, 8), "softmax/W: shape (4, 8), expected (8, 4)"),
        (None, "softmax/W: missing"),
    ],
)
def test_a_softmax_that_does_not_match(shape, expected, pair, load_error):
    path = pair / "softmax_weights.hdf5"
    with h5py.File(path, "r+") as file:
        del file["softmax/W"]
        if shape is not None:
            file["softmax/W"] = np.zeros(shape, np.float32)
        file["softmax/b"][3] = np.nan
    assert load_error(ModelFileError, pair) == (
        f"{pair / 'weights.hdf5'}: does not match its options.json: softmax_weights.hdf5: {expected}; "
        "softmax_weights.hdf5: softmax/b: holds NaN or infinite values"
    )


@pytest.mark.parametrize(
    ("values", "got"), [(None, "missing"), (np.zeros((8, 1)), r"shape (8, 1)"), (3.0, "shape ()")]
)
def test_a_softmax_without_a_bias(values, got, pair, load_error):
    path = pair / "softmax_weights.hdf5"
    with h5py.File(path, "r+") as file:
        del file["softmax/b"]
        if values is not None:
            file["softmax/b"] = values
    assert load_error(ModelFileError, pair) == f"{path}: softmax/b: {got}, expected one number per word"


def test_a_softmax_of_another_size_than_word_embeddings(write, load_error):
    directory = write("words")
    with h5py.File(directory / "weights.hdf5", "r+") as file:
        values = file["embedding"][()]
        del file["embedding"]
        file["embedding"] = values[1:]
    assert "embedding: shape (7, 4), expected (8, 4)" in load_error(ModelFileError, directory)


@pytest.mark.parametrize("size", [0, 100, 1500])
def test_a_truncated_softmax(size, pair, load_error):
    """What it was cannot be seen any more, so that it may be the weights."""
    path = pair / "softmax_weights.hdf5"
    path.write_bytes(path.read_bytes()[:size])
    assert "expected one HDF5 file of weights, got softmax_weights.hdf5, weights.hdf5" in load_error(
        ModelFileError, pair
    )
    assert load_error(ModelFileError, pair / "weights.hdf5").startswith(
        f"{path}: cannot read the weights: damaged"
    )

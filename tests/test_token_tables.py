"""Precomputed token vectors are used with the model they come from, and with no other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder, load
from elmokit.dialects.bilm import BidirectionalLanguageModel, dump_token_embeddings
from elmokit.embedder.fingerprints import encoder_fingerprint
from elmokit.embedder.token_tables import words_by_row
from elmokit.errors import ConfigError, ModelFileError
from elmokit.formats.token_embeddings import read_token_table
from elmokit.pretrained import PretrainedModel


def trained_on(pretrained: PretrainedModel) -> PretrainedModel:
    """The same model after a little more training."""
    model = pretrained.model.for_embedding()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return dataclasses.replace(pretrained, model=model)


def without_additions(path: Path) -> None:
    """Leave what bilm-tf writes."""
    with h5py.File(path, "a") as file:
        for name in file.keys() - {"embedding"}:
            del file[name]


@pytest.fixture
def directory(model_directory) -> Path:
    return model_directory("characters")


@pytest.fixture
def tokens(directory, tmp_path, run_cli) -> Path:
    result = run_cli("embed-tokens", directory, directory / "vocab.txt", tmp_path / "tokens.hdf5")
    assert result.exit_code == 0, result.err
    return tmp_path / "tokens.hdf5"


def test_a_table_carries_the_fingerprint_of_its_encoder(directory, tokens):
    pretrained = load(directory)
    table = read_token_table(tokens)
    assert table.encoder == ElmoEmbedder(pretrained).encoder_fingerprint
    assert table.encoder == encoder_fingerprint(pretrained, pretrained.model)
    assert ElmoEmbedder(pretrained, token_table=table).embed([["the", "cat"]])[0].shape == (3, 2, 32)


def test_the_fingerprint_is_stored_in_files_so_it_stays_the_same():
    bundled = load("tiny-en")
    assert encoder_fingerprint(bundled, bundled.model) == ("3bb667f0163839109972f091bf1fe579")


@pytest.mark.parametrize("is_of_bilm", [False, True])
def test_a_table_of_another_model_is_refused(directory, tokens, tmp_path, is_of_bilm, run_cli):
    if is_of_bilm:
        without_additions(tokens)
    trained_on(load(directory)).save_bilm(tmp_path / "other")
    (tmp_path / "s.txt").write_text("the cat sat\n")
    arguments = (tmp_path / "s.txt", tmp_path / "out.hdf5", "--token-embeddings", tokens)
    assert run_cli("embed", directory, *arguments).exit_code == 0
    (tmp_path / "out.hdf5").unlink()
    result = run_cli("embed", tmp_path / "other", *arguments)
    reason = "its vectors of '<S>', '</S>', '<UNK>' are not those of the model"
    if not is_of_bilm:
        reason = "its fingerprint is that of another encoder"
    assert (result.exit_code, result.err) == (
        2,
        f"elmokit: {tokens}: token embeddings of another model than {tmp_path / 'other' / 'weights.hdf5'} "
        f"({reason}): make them again with `elmokit embed-tokens`\n",
    )
    assert not (tmp_path / "out.hdf5").exists()


def test_rows_of_bilm_in_another_order_are_refused(directory, tokens):
    without_additions(tokens)
    with h5py.File(tokens, "a") as file:
        file["embedding"][...] = file["embedding"][...][::-1]
    pretrained = load(directory)
    with pytest.raises(ModelFileError, match="token embeddings of another model"):
        ElmoEmbedder(pretrained, token_table=read_token_table(tokens, words_by_row(pretrained)))


def test_half_precision_weights_may_use_a_table_of_bilm(directory, tokens, tmp_path):
    pretrained = load(directory)
    pretrained.save_pretrained(tmp_path / "half", half_precision=True)
    table = read_token_table(tokens)
    with pytest.raises(ModelFileError, match="fingerprint"):
        ElmoEmbedder(load(tmp_path / "half"), token_table=table)
    without_additions(tokens)
    ElmoEmbedder(load(tmp_path / "half"), token_table=read_token_table(tokens, pretrained.vocabulary.words))


@pytest.mark.parametrize("is_of_bilm", [False, True])
def test_bilm_tf_interface(directory, tokens, tmp_path, is_of_bilm):
    dump_token_embeddings(directory / "vocab.txt", None, directory / "weights.hdf5", tokens)
    if is_of_bilm:
        without_additions(tokens)
    trained_on(load(directory)).save_bilm(tmp_path / "other")
    BidirectionalLanguageModel(None, directory, False, tokens)
    with pytest.raises(ModelFileError, match="token embeddings of another model"):
        BidirectionalLanguageModel(None, tmp_path / "other", False, tokens)
    if is_of_bilm:  # without the words of its rows, nothing is known about it
        (tmp_path / "other" / "vocab.txt").unlink()
        BidirectionalLanguageModel(None, tmp_path / "other", False, tokens)


def test_word_embeddings(model_directory, tmp_path, run_cli):
    directory = model_directory("words")
    tokens = tmp_path / "tokens.hdf5"
    assert run_cli("embed-tokens", directory, directory / "vocab.txt", tokens).exit_code == 0
    pretrained = load(directory)
    table = read_token_table(tokens)
    ElmoEmbedder(pretrained, token_table=table)
    with pytest.raises(ModelFileError, match="its fingerprint is that of another encoder"):
        ElmoEmbedder(trained_on(pretrained), token_table=table)


def test_another_width(directory, tokens):
    with h5py.File(tokens, "a") as file:
        values = file["embedding"][:, :8]
        del file["embedding"]
        file["embedding"] = values
    with pytest.raises(ModelFileError) as error:
        ElmoEmbedder(load(directory), token_table=read_token_table(tokens))
    assert str(error.value).startswith(f"{tokens}: token embeddings of another model")
    assert "(vectors of width 8, expected 16)" in str(error.value)


def test_vectors_that_are_no_file_may_be_chosen(directory):
    pretrained = load(directory)
    chosen = torch.ones(16)
    embedder = ElmoEmbedder(pretrained, token_table={"cat": chosen})
    np.testing.assert_array_equal(embedder.encode(["cat"])[0], chosen)
    with pytest.raises(ConfigError, match="token_table: vectors of width 8, expected 16"):
        ElmoEmbedder(pretrained, token_table={"cat": torch.ones(8)})


@pytest.mark.parametrize("values", [3, "x" * 100, [b"a", b"b"]])
def test_a_damaged_fingerprint(tokens, values):
    with h5py.File(tokens, "a") as file:
        del file["encoder"]
        file["encoder"] = values
    with pytest.raises(ModelFileError, match="encoder: expected the fingerprint of an encoder"):
        read_token_table(tokens)

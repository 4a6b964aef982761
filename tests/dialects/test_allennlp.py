"""The interface of AllenNLP."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import elmokit
from elmokit.dialects import allennlp
from elmokit.dialects.allennlp import Elmo, ElmoEmbedder, ScalarMix, batch_to_ids
from elmokit.errors import ConfigError, ElmokitError, TextError

SENTENCES = [["the", "cat", "sat"], [], ["naïve", "dog", "on", "the", "mat"]]
TEXT = "the cat sat\n  naïve   dog\ton the mat \nthe cat sat\n"


@pytest.fixture
def embedder(model) -> ElmoEmbedder:
    return ElmoEmbedder(model / "options.json", model / "weights.hdf5")


@pytest.fixture
def expected(model) -> list[np.ndarray]:
    return elmokit.ElmoEmbedder.load(model).embed(SENTENCES)


def assert_same(actual, expected) -> None:
    for own, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)


def test_the_layer_is_the_library_s_own(model):
    assert Elmo is elmokit.Elmo
    assert batch_to_ids is elmokit.batch_to_ids
    elmo = Elmo(str(model / "options.json"), str(model / "weights.hdf5"), 2, dropout=0)
    output = elmo(batch_to_ids(SENTENCES))
    assert sorted(output) == ["elmo_representations", "mask"]
    assert [tuple(own.shape) for own in output["elmo_representations"]] == [(3, 5, 16)] * 2


def test_scalar_mix():
    mixture = ScalarMix(3, initial_scalar_parameters=[0.0, 1.0, 2.0])
    layers = [torch.full((1, 2, 4), value) for value in (1.0, 10.0, 100.0)]
    weights = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    expected = torch.full((1, 2, 4), float(weights @ [1.0, 10.0, 100.0]))
    torch.testing.assert_close(mixture(layers).detach(), expected)
    with pytest.raises(ConfigError, match=r"do_layer_norm needs a mask of the words: pass mask"):
        ScalarMix(3, do_layer_norm=True)(layers)


def test_embed(embedder, expected):
    assert_same(embedder.embed_batch(SENTENCES), expected)
    assert_same([embedder.embed_sentence(sentence) for sentence in SENTENCES], expected)
    assert_same(embedder.embed_sentences(iter(SENTENCES), batch_size=2), expected)
    assert embedder.embed_sentence([]).shape == (3, 0, 16)
    assert embedder.embed_batch([]) == []


def test_batch_to_embeddings(embedder, expected):
    vectors, mask = embedder.batch_to_embeddings(SENTENCES)
    assert vectors.shape == (3, 3, 5, 16)
    assert vectors.dtype == torch.float32
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[True] * 3 + [False] * 2, [False] * 5, [True] * 5]
    for row, own in zip(vectors.numpy(), expected, strict=True):
        assert_same([row[:, : own.shape[1]]], [own])
        assert not row[:, own.shape[1] :].any()
    vectors, mask = embedder.batch_to_embeddings([[]])
    assert (vectors.shape, mask.shape) == ((1, 3, 0, 16), (1, 0))


def test_state_is_not_carried(embedder):
    first, second = embedder.embed_sentence(SENTENCES[0]), embedder.embed_sentence(SENTENCES[0])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("output_format", ["all", "top", "average"])
def test_embed_file(output_format, model, embedder, tmp_path):
    path = tmp_path / "vectors.hdf5"
    embedder.embed_file(io.StringIO(TEXT), str(path), output_format, batch_size=2)
    text = [line.split() for line in TEXT.splitlines()]
    expected = elmokit.ElmoEmbedder.load(model).embed(text, output_format)
    with h5py.File(path) as file:
        assert sorted(file) == ["0", "1", "2", "sentence_to_index"]
        assert_same([file[str(k)][()] for k in range(3)], expected)
        assert all(file[str(k)].dtype == np.float32 for k in range(3))
        index = file["sentence_to_index"]
        assert index.shape == (1,)
        assert h5py.check_string_dtype(index.dtype).length is None
        sentences = {"the cat sat": "2", "naïve   dog\ton the mat": "1"}
        assert json.loads(index.asstr()[0]) == sentences == json.loads(index[0])


def test_forget_sentences(embedder, tmp_path):
    embedder.embed_file(io.StringIO(TEXT), tmp_path / "vectors.hdf5", forget_sentences=True)
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert sorted(file) == ["0", "1", "2"]


def test_use_sentence_keys(embedder, tmp_path):
    text = "the cat\nand / or\nand / dog\n1/2 cat\n. . .\n/\u3000the\n"
    embedder.embed_file(io.StringIO(text), tmp_path / "vectors.hdf5", use_sentence_keys=True)
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert sorted(file) == [". . .", "1", "and ", "the cat", "\u3000the"]
        for line in text.splitlines():
            expected = embedder.embed_sentence(line.split())
            np.testing.assert_allclose(file[line][()], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("the cat\ndog\nthe cat\n", r"2 \(same key as 0\)"),
        ("a/b\na\n./a/b/c\n", r"0 \(HDF5 would nest it inside 1\), 2 \(HDF5 would nest it inside 1\)"),
        ("a\n/a\n", r"1 \(same key as 0\)"),
        (
            ".\n/ \nthe\0cat\n",
            r"0 \('\.' is not a valid HDF5 name\), 1 \('/' is .*\), 2 \('the\\x00cat' is not a valid",
        ),
    ],
)
def test_sentences_that_cannot_be_keys(text, problems, embedder, tmp_path):
    path = tmp_path / "vectors.hdf5"
    with pytest.raises(
        TextError, match=f"the text: lines that cannot be HDF5 keys: {problems}.*: turn off use_sent"
    ):
        embedder.embed_file(io.StringIO(text), path, use_sentence_keys=True)
    assert list(tmp_path.iterdir()) == []
    embedder.embed_file(io.StringIO(text), path)
    with h5py.File(path) as file:
        assert len(file) == len(text.splitlines()) + 1


def test_blank_lines(embedder, tmp_path):
    (tmp_path / "text.txt").write_text("the cat\n\ndog\n \n", encoding="utf-8")
    with (
        (tmp_path / "text.txt").open(encoding="utf-8") as text,
        pytest.raises(TextError, match=r"text\.txt: blank lines at indexes 1, 3: remove them"),
    ):
        embedder.embed_file(text, tmp_path / "vectors.hdf5")
    assert not (tmp_path / "vectors.hdf5").exists()
    with pytest.raises(TextError, match=r"indexes 0, 1, .*, 19 and 5 more: remove them"):
        embedder.embed_file(io.StringIO("\n" * 25), tmp_path / "vectors.hdf5")


def test_settings_that_do_not_exist(model, embedder, tmp_path):
    with pytest.raises(ConfigError, match=r"output_format: expected all, top or average, got 'bottom'"):
        embedder.embed_file(io.StringIO(TEXT), tmp_path / "vectors.hdf5", "bottom")
    with pytest.raises(ConfigError, match=r"options\.json: options without weights: pass weight_file too"):
        ElmoEmbedder(model / "options.json")
    with pytest.raises(ConfigError, match=r"device=cuda:99: not available here"):
        ElmoEmbedder(model / "options.json", model / "weights.hdf5", cuda_device=99)


def test_the_published_model_is_the_default(model, monkeypatch):
    asked = []
    real_load = allennlp.load

    def load(name: str, *, options: Path | None) -> object:
        asked.append((name, options))
        return real_load(model)

    monkeypatch.setattr(allennlp, "load", load)
    assert ElmoEmbedder().embed_sentence(["the"]).shape == (3, 1, 16)
    assert asked == [("original", None)]


def test_a_token_embedder_is_the_layer(model):
    embedder = allennlp.ElmoTokenEmbedder(model / "options.json", model / "weights.hdf5", dropout=0.0)
    layer = Elmo(model / "options.json", model / "weights.hdf5", 1, dropout=0.0)
    ids = batch_to_ids(SENTENCES)
    assert torch.equal(embedder(ids), layer(ids)["elmo_representations"][0])
    assert embedder.get_output_dim() == layer.get_output_dim()
    projected = allennlp.ElmoTokenEmbedder(
        model / "options.json", model / "weights.hdf5", projection_dim=5, scalar_mix_parameters=[0, 1, 0]
    )
    assert projected(ids).shape == (3, 5, 5)
    assert projected.get_output_dim() == 5
    assert [name for name, value in projected.named_parameters() if value.requires_grad] == [
        "_projection.weight",
        "_projection.bias",
    ]


def test_an_indexer_gives_the_ids_of_a_batch():
    indexer = allennlp.ELMoTokenCharactersIndexer()

    class Token:
        text = "naïve"

    found = indexer.tokens_to_indices(["the", Token()], None)
    assert found == {"elmo_tokens": batch_to_ids([["the", "naïve"]])[0].tolist()}
    assert indexer.tokens_to_indices([]) == {"elmo_tokens": []}
    assert indexer.tokens_to_indices("the naïve") == found
    with pytest.raises(ElmokitError, match=r"^tokens\[1\]: expected a string, got None"):
        indexer.tokens_to_indices(["the", None])

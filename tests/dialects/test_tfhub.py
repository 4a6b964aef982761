"""The interface of TF-Hub's module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder
from elmokit.dialects import tfhub
from elmokit.dialects.tfhub import ElmoModule
from elmokit.errors import ConfigError
from elmokit.loading import load
from elmokit.repository.published import tfhub_name

TEXTS = ["the cat is on the mat", "", "dogs  are naïve "]
TOKENS = [
    ["the", "cat", "is", "on", "the", "mat"],
    ["", "", "", "", "", ""],
    ["dogs", "are", "naïve", "", "", ""],
]
LENGTHS = [6, 0, 3]


@pytest.fixture
def elmo(model) -> ElmoModule:
    return tfhub.load(model)


@pytest.fixture
def vectors(model) -> list[np.ndarray]:
    return ElmoEmbedder.load(model).embed(TEXTS)


def assert_outputs(outputs, vectors, num_steps: int = 6) -> None:
    assert sorted(outputs) == ["default", "elmo", "lstm_outputs1", "lstm_outputs2", "word_emb"]
    assert outputs["word_emb"].shape == (3, num_steps, 8)
    assert outputs["default"].shape == (3, 16)
    for name in ("lstm_outputs1", "lstm_outputs2", "elmo"):
        assert outputs[name].shape == (3, num_steps, 16)
    for k, own in enumerate(vectors):
        size = own.shape[1]
        for name, expected in (
            ("word_emb", own[0, :, :8]),
            ("lstm_outputs1", own[1]),
            ("lstm_outputs2", own[2]),
            ("elmo", own.mean(axis=0)),
        ):
            actual = outputs[name][k].detach().numpy()
            np.testing.assert_allclose(actual[:size], expected, rtol=0, atol=1e-6)
            assert not actual[size:].any()
        mean = own.mean(axis=(0, 1)) if size else np.zeros(16)
        np.testing.assert_allclose(outputs["default"][k].detach(), mean, rtol=0, atol=1e-6)


def test_default_signature(elmo, vectors):
    assert_outputs(elmo(TEXTS, signature="default", as_dict=True), vectors)
    assert torch.equal(elmo(TEXTS), elmo(TEXTS, as_dict=True)["default"])
    assert_outputs(elmo.signatures["default"](TEXTS), vectors)


def test_only_spaces_separate(elmo):
    one, two = elmo(["the\tcat", "the cat"], as_dict=True)["lstm_outputs2"]
    assert not one[1].any()
    assert two[1].any()


def test_tokens_signature(elmo, vectors):
    inputs = {"tokens": TOKENS, "sequence_len": LENGTHS}
    assert_outputs(elmo(inputs, signature="tokens", as_dict=True), vectors)
    assert_outputs(elmo.signatures["tokens"](**inputs), vectors)
    assert elmo(inputs=inputs, signature="tokens").shape == (3, 16)
    # Tokens after the length are ignored, but count for the shape.
    wider = {"tokens": [[*row, "cat"] for row in TOKENS], "sequence_len": LENGTHS}
    assert_outputs(elmo(wider, signature="tokens", as_dict=True), vectors, num_steps=7)


def test_padding_that_is_counted_is_words(elmo, vectors):
    inputs = {"tokens": TOKENS, "sequence_len": [6, 6, 6]}
    outputs = elmo(inputs, signature="tokens", as_dict=True)
    assert outputs["elmo"][1].abs().amax(dim=1).min() > 0.01
    assert not np.allclose(outputs["elmo"][2, :3].detach(), vectors[2].mean(axis=0), atol=1e-3)


def test_arrays_of_bytes(elmo, vectors):
    texts = np.array([text.encode() for text in TEXTS], dtype=object)
    assert_outputs(elmo(texts, as_dict=True), vectors)
    tokens = np.array([[token.encode() for token in row] for row in TOKENS])
    inputs = {"tokens": tokens, "sequence_len": np.array(LENGTHS)}
    assert_outputs(elmo(inputs, signature="tokens", as_dict=True), vectors)


def test_little(elmo):
    assert elmo([]).shape == (0, 16)
    assert elmo([""], as_dict=True)["elmo"].shape == (1, 0, 16)
    assert not elmo([""]).any()
    outputs = elmo({"tokens": [], "sequence_len": []}, signature="tokens", as_dict=True)
    assert outputs["word_emb"].shape == (0, 0, 8)


def test_what_can_be_trained(model):
    fixed, trainable = tfhub.load(model), tfhub.Module(model, trainable=True)
    assert [parameter.requires_grad for parameter in fixed.parameters()] == [False] * 4
    assert [parameter.requires_grad for parameter in trainable.parameters()] == [True] * 4
    trainable(TEXTS).square().sum().backward()
    assert all(parameter.grad.abs() > 0 for parameter in trainable.parameters())
    with torch.no_grad():
        trainable.aggregation.gamma.fill_(3.0)
    torch.testing.assert_close(trainable(TEXTS), 3 * fixed(TEXTS))
    assert torch.equal(
        trainable(TEXTS, as_dict=True)["lstm_outputs1"], fixed(TEXTS, as_dict=True)["lstm_outputs1"]
    )


def test_a_model_of_another_depth(write_model):
    outputs = tfhub.load(write_model("num_layers=3"))(TEXTS, as_dict=True)
    assert [name for name in outputs if "lstm" in name] == ["lstm_outputs1", "lstm_outputs2", "lstm_outputs3"]


@pytest.mark.parametrize(
    ("inputs", "signature", "message"),
    [
        ("the cat", "default", r"signature default: expected a list of strings, one per sentence"),
        ([["the", "cat"]], "default", r"signature default: expected a list of strings"),
        (TEXTS, "words", r"signature: expected default or tokens, got 'words'"),
        (TOKENS, "tokens", r"signature tokens: expected inputs with the keys tokens and sequence_len"),
        ({"tokens": TOKENS}, "tokens", r"expected inputs with the keys tokens and sequence_len"),
        (
            {"tokens": [["a"], ["a", "b"]], "sequence_len": [1, 2]},
            "tokens",
            r"tokens: rows of 1 to 2 tokens: pad",
        ),
        ({"tokens": TEXTS, "sequence_len": LENGTHS}, "tokens", r"tokens: expected one list of tokens per"),
        (
            {"tokens": TOKENS, "sequence_len": [6, 0]},
            "tokens",
            r"from 0 to 6 for each of 3 rows, got \[6, 0\]",
        ),
        (
            {"tokens": TOKENS, "sequence_len": [7, 0, 3]},
            "tokens",
            r"sequence_len: expected one number from 0 to 6",
        ),
        ({"tokens": TOKENS, "sequence_len": [6, -1, 3]}, "tokens", r"got \[6, -1, 3\]"),
    ],
)
def test_inputs_that_do_not_fit(inputs, signature, message, elmo):
    with pytest.raises(ConfigError, match=message):
        elmo(inputs, signature=signature)


@pytest.mark.parametrize(
    "address",
    [
        "https://tfhub.dev/google/elmo/2",
        "https://tfhub.dev/google/elmo/3",
        "http://tfhub.dev/google/elmo/1/",
        "https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo/3",
        "https://tfhub.dev/google/elmo/2?tf-hub-format=compressed",
        "https://storage.googleapis.com/tfhub-modules/google/elmo/2.tar.gz",
        "google/elmo/tensorFlow1/elmo/3",
        "tfhub.dev/google/elmo/2",
    ],
)
def test_the_addresses_of_the_module_are_the_published_model(address, model, tmp_path, monkeypatch):
    (tmp_path / "original").symlink_to(model)
    monkeypatch.chdir(tmp_path)  # a path takes precedence over a published name
    expected = tfhub.load(model)(TEXTS)
    assert torch.equal(tfhub.Module(address)(TEXTS), expected)
    assert torch.equal(tfhub.KerasLayer(address)(TEXTS), expected)
    assert load(address).source == Path("original/weights.hdf5")


@pytest.mark.parametrize(
    "address", ["https://tfhub.dev/google/nnlm-en-dim128/1", "google/elmo-other", "elmo"]
)
def test_other_modules_of_tfhub(address):
    assert tfhub_name(address) is None


def test_the_arguments_of_tensorflow_have_no_effect():
    module = tfhub.Module("tiny-en", True, name="elmo_module", tags={"train"})
    assert module(TEXTS).shape == (len(TEXTS), 256)
    assert module.aggregation.gamma.requires_grad
    layer = tfhub.KerasLayer("tiny-en", input_shape=[], dtype="string", name="elmo", trainable=True)
    assert torch.equal(layer(TEXTS), module(TEXTS))
    with pytest.raises(ConfigError, match="KerasLayer: unknown argument trainabel"):
        tfhub.KerasLayer("tiny-en", trainabel=True)


def test_keras_layer():
    sentences = ["the play was good", "children"]
    module = tfhub.load("tiny-en")
    expected = module(sentences, as_dict=True)
    assert torch.equal(tfhub.KerasLayer("tiny-en")(sentences), expected["default"])
    assert torch.equal(tfhub.KerasLayer("tiny-en", output_key="elmo")(sentences), expected["elmo"])
    outputs = tfhub.KerasLayer("tiny-en", signature_outputs_as_dict=True)(sentences)
    assert outputs.keys() == expected.keys()
    trained = tfhub.KerasLayer("tiny-en", trainable=True)
    assert [name for name, _ in trained.named_parameters()] == [
        f"module.{name}" for name, _ in tfhub.load("tiny-en", trainable=True).named_parameters()
    ]
    tokens = {"tokens": [["children", ""], ["the", "play"]], "sequence_len": [1, 2]}
    assert tfhub.KerasLayer("tiny-en", signature="tokens")(tokens).shape == (2, 256)
    with pytest.raises(ConfigError, match="signature: expected default or tokens"):
        tfhub.KerasLayer("tiny-en", signature="words")
    with pytest.raises(ConfigError, match="output_key: expected one of"):
        tfhub.KerasLayer("tiny-en", output_key="words")(sentences)

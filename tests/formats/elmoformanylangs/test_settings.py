"""Settings of ELMoForManyLangs models: missing, wrong and impossible ones, by their own names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elmokit import load
from elmokit.errors import ConfigError
from elmokit.formats.elmoformanylangs.settings import _SHIPPED_SETTINGS


def test_a_missing_configuration(model, load_error):
    (model / "config.json").unlink()
    assert load_error(model) == f"{model / 'config.json'}: cannot read: No such file or directory"


@pytest.mark.parametrize("named", ["other.json", "/none/other.json", "..", "a" * 5000, "a\0b", "\ud800"])
def test_a_configuration_that_is_not_there(model, named, load_error):
    (model / "config.json").write_text(json.dumps({"config_path": named}))
    assert load_error(model) == (
        f"{model / 'config.json'}: config_path: names {named[-200:]!r}, but there is no such file: "
        "put it beside config.json"
    )


def test_a_configuration_in_a_directory_without_access(model, monkeypatch):
    inaccessible = "/home/trainer/cnn_small.json"
    is_file = Path.is_file

    def refuse(path):
        if str(path) == inaccessible:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    (model / "config.json").write_text(json.dumps({"config_path": inaccessible}))
    assert load(model).lexicon is not None


def test_settings_that_are_part_of_the_package(model, load_error):
    (model / "config.json").write_text('{"config_path": "../configs/cnn_50_100_512_4096_sample.json"}')
    message = load_error(model)
    assert "convolutions.6.weight: missing" in message
    assert "projection.weight: shape (8, 22), expected (512, 2148)" in message
    (model / "config.json").write_text(json.dumps(_SHIPPED_SETTINGS))  # in its place
    assert load_error(model) == message


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("token_embedder", "name", "lstm", "token_embedder.name: got 'lstm', expected 'cnn'"),
        ("encoder", "name", "lstm", "encoder.name: got 'lstm', expected 'elmo'"),
        ("token_embedder", "word_dim", -1, "token_embedder.word_dim: expected a number, got -1"),
        ("token_embedder", "char_dim", "8", "token_embedder.char_dim: expected a number, got '8'"),
        ("token_embedder", "max_characters_per_token", 5, "expected 7 to 10000, got 5"),
        ("token_embedder", "filters", [[9, 9]], "convolutions.0.weight: shape (4, 8, 1), expected (9, 8, 9)"),
        ("encoder", "dim", 17, "forward_layer_0.input_linearity.weight: shape (64, 8), expected (68, 8)"),
        ("encoder", "n_layers", 1, "backward_layer_1.input_linearity.weight: unexpected"),
        ("encoder", "n_layers", 3, "forward_layer_2.state_projection.weight: missing"),
        ("token_embedder", "char_dim", 0, "char_emb_layer.embedding.weight: unexpected"),
    ],
)
def test_settings_that_do_not_match(model, section, key, value, message, load_error):
    settings = json.loads((model / "cnn_small.json").read_text())
    settings[section][key] = value
    (model / "cnn_small.json").write_text(json.dumps(settings))
    assert message in load_error(model)


def test_impossible_settings_by_their_own_names(model):
    settings = json.loads((model / "cnn_small.json").read_text())
    settings["token_embedder"] |= {"word_dim": 10**7, "activation": "gelu", "n_highway": -1}
    settings["encoder"] |= {"n_layers": 0, "proj_clip": -1, "dim": "x"}
    (model / "cnn_small.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError) as error:
        load(model)
    message = str(error.value)
    assert message.startswith(
        f"{model / 'cnn_small.json'}: 6 errors: token_embedder.activation: input should be"
    )
    for name in ("token_embedder.n_highway", "encoder.dim", "encoder.n_layers", "encoder.proj_clip"):
        assert f"; {name}: " in message
    assert "token_embedder.word_dim: input should be less than or equal to 1048576, got 10000000" in message
    assert "model." not in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b'{"config_path": 3}', b"[" * 100_000])
def test_a_configuration_that_is_none(model, content, load_error):
    (model / "config.json").write_bytes(content)
    assert "config.json" in load_error(model)

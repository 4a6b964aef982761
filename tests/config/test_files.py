from __future__ import annotations

import pytest

from elmokit.config import SHIPPED_CONFIGS, Config, ModelConfig


@pytest.mark.parametrize("name", SHIPPED_CONFIGS)
def test_shipped_configurations_load(name):
    config = Config.load(name)
    assert config.model.bidirectional
    assert config.model.lstm.num_layers == 2


def test_the_original_is_the_original():
    config = Config.load("original")
    assert config.model == ModelConfig()
    char_cnn, lstm = config.model.char_cnn, config.model.lstm
    assert char_cnn is not None
    assert (char_cnn.num_filters, char_cnn.num_highway, char_cnn.embedding_dim) == (2048, 2, 16)
    assert char_cnn.max_characters == 50
    assert (lstm.cell_dim, lstm.projection_dim, lstm.cell_clip, lstm.projection_clip) == (4096, 512, 3, 3)
    training = config.training
    assert (training.recipe, training.optimizer, training.schedule) == ("bilm", "adagrad", "constant")
    assert (training.learning_rate, training.initial_accumulator, training.clip_norm) == (0.2, 1.0, 10)
    assert (training.batch_size, training.unroll_steps) == (128, 20)
    assert (training.dropout, training.num_negatives) == (0.1, 8192)
    assert (training.warmup, training.state_reset, training.unigram_bias) == (0, 0, False)


def test_toml_file(write):
    text = "[model.lstm]\ncell_dim = 8\n[training]\nbatch_size = 3\npatience = 2\n"
    config = Config.load(write("c.toml", text))
    assert (config.model.lstm.cell_dim, config.training.batch_size, config.training.patience) == (8, 3, 2)
    assert config.model.lstm.projection_dim == 512


def test_unknown_name(error_of):
    message = error_of("smal")
    assert message.startswith("no configuration named 'smal' (did you mean 'small'?)")
    assert "tiny, small, original, or a .toml or .json file" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.toml", "x = = 1", "not a valid TOML file"),
        ("c.json", "{", "not a valid JSON file"),
        ("c.json", "[1]", "expected a table of settings, got list"),
        ("c.json", '{"training": 3}', "training: "),
        ("c.json", '{"training": null}', "training: "),
    ],
)
def test_unreadable_files(name, content, expected, write, error_of):
    message = error_of(write(name, content))
    assert name in message
    assert expected in message


def test_a_missing_file_is_named(tmp_path, error_of):
    path = tmp_path / "none.toml"
    assert error_of(path) == f"{path}: cannot read the configuration: No such file or directory"


def test_not_utf8(tmp_path, error_of):
    (tmp_path / "c.toml").write_bytes(b"# \xff\n")
    assert "not a valid TOML file" in error_of(tmp_path / "c.toml")

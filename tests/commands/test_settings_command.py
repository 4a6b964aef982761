from __future__ import annotations

import json

from elmokit.config import Config
from elmokit.config.overrides import field_paths


def test_every_setting_with_the_default_of_the_configuration(run_cli):
    result = run_cli("settings", "--config", "original", "--json")
    assert (result.exit_code, result.err) == (0, "")
    found = {setting["path"]: setting for setting in map(json.loads, result.out.splitlines())}
    config = Config.load("original")
    leaves = {".".join(path) for path in field_paths(Config)} - {
        *("model", "training", "model.lstm", "model.char_cnn", "model.lexicon")
    }
    assert found.keys() == leaves
    assert found["model.lstm.cell_dim"]["default"] == config.model.lstm.cell_dim
    assert found["training.checkpoint_minutes"]["unit"] == "minutes"
    assert found["training.recipe"]["choices"] == ["adam", "bilm"]
    assert all(setting["meaning"] and setting["type"] for setting in found.values())


def test_what_is_printed_can_be_typed(run_cli):
    lines = run_cli("settings", "--config", "small").out.splitlines()
    overrides = [line.strip() for line in lines if line.startswith("  ") and line[2] != " "]
    overrides = [
        override
        for override in overrides
        if not override.startswith(("num_symbols", "num_words", "word_dim"))
    ]
    assert Config.load("small", overrides) == Config.load("small")
    assert max(map(len, lines)) <= 80


def test_some_settings(run_cli):
    out = run_cli("settings", "dropout").out
    assert "dropout=0.1" in out
    assert "batch_size" not in out
    assert run_cli("settings", "dropuot").exit_code == 2


def test_the_help_of_train_lists_them(run_cli):
    out = run_cli("train", "--help").out
    for path in field_paths(Config):
        if path[-1] not in ("model", "training", "lstm", "char_cnn", "lexicon"):
            assert f"  {path[-1]}=" in out

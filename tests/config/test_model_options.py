"""Options of trained models with what other tools have added: ignored, or refused by name."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest

from elmokit.config import Config
from elmokit.errors import ConfigError, UnknownSettingsWarning


def _with(options: dict[str, Any], additions: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(options)
    for name, value in additions.items():
        *sections, key = name.split(".")
        table = changed
        for section in sections:
            table = table[section]
        table[key] = value
    return changed


@pytest.mark.parametrize(
    "additions",
    [
        {"reverse": False},
        {"char_cnn.projection_after_highway": True},
        {"seed": None, "n_gpus": 1, "initial_accumulator_value": 1.0},
        {"char_cnn.projection": {"dim": 16}, "clip_grad_norm": 10.0},
        {"char_cnn.projection": 16, "lstm.forget_bias": 1.0},
        {"lstm.keep_prob": 0.9, "comment": {"by": "someone"}},
        {"batch_size": 0, "n_epochs": None, "learning_rate": "0.2 then 0.1"},  # of the training, unusable
    ],
)
def test_additions_are_ignored_with_a_warning(write, bilm_options, additions):
    plain = Config.of_model(write("plain.json", bilm_options)).model
    path = write("options.json", _with(bilm_options, additions))
    with pytest.warns(UnknownSettingsWarning) as caught:
        assert Config.of_model(path).model == plain
    assert str(caught[0].message) == (
        f"{path}: settings that elmokit does not use: {', '.join(additions)}: ignored"
    )


def test_settings_of_elmokit_that_are_unusable(write, bilm_options):
    own = {"training": {"optimizer": "lion", "patience": 3}}
    with pytest.warns(UnknownSettingsWarning, match=r"use: elmokit.training.optimizer: ignored"):
        config = Config.of_model(write("options.json", bilm_options | {"elmokit": own}))
    assert config.training.patience == 3


def test_a_new_training_is_strict(write, error_of, bilm_options):
    for additions in ({"seed": 3}, {"reverse": False}, {"char_cnn.projection": 16}):
        message = error_of(write("options.json", _with(bilm_options, additions)))
        assert f"{next(iter(additions))}: unknown setting" in message


@pytest.mark.parametrize(
    ("additions", "problem"),
    [
        ({"reverse": True}, "reverse: expected False, got True"),
        ({"char_cnn.projection_after_highway": False}, "projection_after_highway: expected True, got False"),
        ({"char_cnn.projection": {"dim": 32}}, "projection: 32, expected lstm.projection_dim=16"),
        ({"lstm.forget_bias": 0.0}, "lstm.forget_bias: expected 1, got 0.0"),
        ({"lstm.use_layer_norm": True, "seed": 1}, "lstm.use_layer_norm: expected False, got True"),
    ],
)
def test_what_changes_the_computation_is_refused(write, bilm_options, additions, problem):
    with pytest.raises(ConfigError) as error:
        Config.of_model(write("options.json", _with(bilm_options, additions)))
    assert problem in str(error.value)
    assert "elmokit has no such model" in str(error.value)


def test_a_misspelled_setting_is_not_ignored(write, bilm_options):
    """Without cell_clip there would be no bound, and the vectors would be others."""
    options = copy.deepcopy(bilm_options)
    options["lstm"]["cell_clp"] = options["lstm"].pop("cell_clip")
    with pytest.raises(ConfigError, match=r"lstm.cell_clp: unknown setting, did you mean 'cell_clip'\?"):
        Config.of_model(write("options.json", options))


def test_complete_options_do_not_warn(write, bilm_options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Config.of_model(write("options.json", bilm_options)) == Config.load(
            write("options.json", bilm_options)
        )


def test_an_unusable_batch_size_still_says_that_these_are_options_of_a_training(write, bilm_options):
    options = {name: value for name, value in bilm_options.items() if name != "bidirectional"}
    with pytest.warns(UnknownSettingsWarning):
        config = Config.of_model(write("options.json", options | {"batch_size": None}))
    assert not config.model.bidirectional


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", ["c.json", "c.toml"])
def test_a_byte_order_mark(tmp_path, name, encoding):
    text = '{"training": {"batch_size": 3}}' if name == "c.json" else "[training]\nbatch_size = 3\n"
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert Config.load(tmp_path / name).training.batch_size == 3

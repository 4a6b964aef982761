from __future__ import annotations

import pytest

from elmokit.config import Config, TrainingConfig


def test_a_recipe_determines_settings_that_are_not_given():
    original = Config.load("original").training
    for name in ("tiny", "small"):
        bilm = Config.load(name, ["recipe=bilm"]).training
        adam = Config.load(name).training
        assert adam.recipe == adam.optimizer == "adam"
        for setting in (
            "optimizer",
            "learning_rate",
            "schedule",
            "warmup",
            "initial_accumulator",
            "clip_norm",
        ):
            assert getattr(bilm, setting) == getattr(original, setting)
        assert (bilm.dropout, bilm.state_reset, bilm.unigram_bias) == (0.1, 0.0, False)
        assert (bilm.batch_size, bilm.unroll_steps) == (adam.batch_size, adam.unroll_steps)


@pytest.mark.parametrize(
    "overrides", [["recipe=bilm", "learning_rate=0.1"], ["learning_rate=0.1", "recipe=bilm"]]
)
def test_explicit_settings_override_the_recipe(overrides):
    training = Config.load("tiny", overrides).training
    assert (training.optimizer, training.learning_rate) == ("adagrad", 0.1)


def test_another_recipe_replaces_the_settings_of_the_previous_one(tmp_path):
    resolved = Config.load("tiny", ["recipe=bilm", "learning_rate=0.1", "batch_size=7"])
    resolved.save(tmp_path / "config.json")
    changed = Config.load(tmp_path / "config.json", ["recipe=adam"]).training
    assert changed.learning_rate == TrainingConfig().learning_rate
    assert (changed.optimizer, changed.schedule, changed.batch_size) == ("adam", "cosine", 7)
    assert Config.load(tmp_path / "config.json") == resolved


def test_an_unknown_recipe(error_of):
    assert "recipe" in error_of("tiny", ["recipe=sgd"])

from __future__ import annotations

import pytest

from elmokit.config import Config
from elmokit.errors import ConfigError


def test_a_saved_configuration_is_loaded_as_it_was(tmp_path):
    config = Config.load("tiny", ["cell_clip=null", "dropout=0.3", "filters=[[1, 8]]", "max_steps=7"])
    config.save(tmp_path / "config.json")
    again = Config.load(tmp_path / "config.json")
    assert again == config
    assert again.differences(config) == []


def test_configurations_are_immutable():
    config = Config.load("tiny")
    with pytest.raises(ValueError, match="frozen"):
        config.training.batch_size = 3  # type: ignore[misc]


def test_errors_name_the_source():
    with pytest.raises(ConfigError, match=r"^checkpoint: 1 error: training.batch_size: input should be"):
        Config.parse({"training": {"batch_size": 0}}, source="checkpoint")
    with pytest.raises(ConfigError, match=r"^model: 1 error: training.batch_size: input should be"):
        Config().changed(["batch_size=0"], source="model")


@pytest.mark.parametrize(("num_words", "expected"), [(16384, 0), (16385, 8192)])
def test_the_full_softmax_for_a_small_vocabulary(num_words, expected):
    assert Config().for_vocabulary(num_words).training.num_negatives == expected

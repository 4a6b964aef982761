"""Shapes are computed without allocating parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.errors import ConfigError
from elmokit.model.bilm import BiLM
from elmokit.model.parameter_shapes import parameter_shapes

SMALL = ["embedding_dim=4", "filters=[[1, 4], [2, 4]]", "cell_dim=8", "projection_dim=4"]


@pytest.mark.parametrize("changes", [SMALL, ["char_cnn=null"], ["char_cnn=null", "tie_softmax=true"]])
@pytest.mark.parametrize("with_softmax", [True, False])
def test_they_are_those_of_the_model(changes, with_softmax):
    config = Config.load("tiny", changes).model
    expected = {
        name: tuple(value.shape)
        for name, value in BiLM(config, 9, with_softmax=with_softmax).named_parameters()
    }
    assert parameter_shapes(config, 9, with_softmax=with_softmax, source=Path("here")) == expected


def test_a_large_model_takes_no_memory():
    config = Config.load("tiny", SMALL).model
    shapes = parameter_shapes(config, 1 << 50, with_softmax=True, source=Path("here"))
    assert shapes["softmax.weight"] == (1 << 50, 4)


@pytest.mark.parametrize("num_words", [1 << 62, 1 << 70])
def test_an_impossible_model(num_words):
    config = Config.load("tiny", SMALL).model
    with pytest.raises(ConfigError, match=r"^here: the model would be impossibly large: ") as error:
        parameter_shapes(config, num_words, with_softmax=True, source=Path("here"))
    assert "\n" not in str(error.value)

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit.data.numbers import whole_number
from elmokit.errors import ConfigError


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3), torch.tensor(3)])
def test_whole_numbers_of_any_kind(value):
    number = whole_number("k", value, least=1)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    "value", [True, None, 1.0, "3", [3], np.array([1, 2]), torch.zeros(2), float("nan"), b"3"]
)
def test_anything_else_is_refused(value):
    with pytest.raises(ConfigError, match="k: expected a whole number, got "):
        whole_number("k", value)


def test_the_least():
    assert whole_number("position", -5) == -5
    with pytest.raises(ConfigError, match="k: expected at least 1, got 0"):
        whole_number("k", 0, least=1)

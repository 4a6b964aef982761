"""Arrays of character ids; tests/parity/test_dialects.py compares them with the original."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.dialects.bilm import Batcher
from elmokit.errors import ConfigError

SENTENCES = [["the", "cat", "sat"], [], ["naïve", "dog", "on", "the", "mat"]]


@pytest.fixture
def ids() -> np.ndarray:
    return Batcher(None, 50).batch_sentences(SENTENCES)


def test_ids(ids):
    assert ids.shape == (3, 7, 50)
    assert ids.dtype == np.int64
    assert ((ids > 0).any(axis=2)).sum(axis=1).tolist() == [5, 2, 7]
    assert Batcher("there is no such file", 8).batch_sentences([]).shape == (0, 2, 8)
    with pytest.raises(ConfigError, match=r"max_token_length: expected at least 3, got 2"):
        Batcher(None, 2)

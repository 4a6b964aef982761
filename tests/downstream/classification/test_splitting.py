import numpy as np
import pytest

from elmokit.downstream.classification.splitting import split_off
from elmokit.errors import ConfigError

LABELS = [("a",)] * 80 + [("b",)] * 20 + [("c",)]
HASHES = np.arange(101)


def test_each_label_has_its_share():
    kept, aside = split_off(LABELS, HASHES, 0.2, seed=1)
    assert sorted([*kept, *aside]) == list(range(101))
    counts = [sum(LABELS[row] == (name,) for row in aside) for name in "abc"]
    assert counts == [16, 4, 0]


def test_the_seed_decides():
    assert split_off(LABELS, HASHES, 0.2, seed=1) == split_off(LABELS, HASHES, 0.2, seed=1)
    assert split_off(LABELS, HASHES, 0.2, seed=1) != split_off(LABELS, HASHES, 0.2, seed=2)


def test_equal_texts_stay_together():
    hashes = np.arange(101) // 3
    kept, aside = split_off(LABELS, hashes, 0.3, seed=3)
    assert not set(hashes[kept]) & set(hashes[aside])
    assert 20 < len(aside) < 40


def test_too_few():
    with pytest.raises(ConfigError, match="2 training texts with 2 labels are too few"):
        split_off([("a",), ("b",)], np.arange(2), 0.1, seed=1)
    with pytest.raises(ConfigError, match="50 training texts with 50 labels are too few"):
        split_off([(str(k),) for k in range(50)], np.arange(50), 0.1, seed=1)

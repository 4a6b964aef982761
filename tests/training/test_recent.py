"""The figures over the batches since the last record."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elmokit.data.vocabulary import EOS_ID, UNK_ID
from elmokit.training.recent import Recent, WordCounts


def test_the_figures_of_some_batches():
    recent = Recent()
    recent.add(2.0, WordCounts.of(np.array([UNK_ID, 5, EOS_ID, 7])), 0.5)
    recent.add(4.0, WordCounts.of(np.array([5, 5, UNK_ID, EOS_ID])), 0.3)
    assert recent.record(4) == {
        "loss": 3.0,
        "perplexity": pytest.approx(math.exp(3.0)),
        "tokens_per_second": pytest.approx(10.0),
        "unk_share": pytest.approx(2 / 6),
    }


def test_after_a_record_only_its_mean_is_kept():
    recent = Recent()
    assert math.isnan(recent.mean_loss())
    recent.add(2.0, WordCounts.of(np.array([5])), 0.5)
    recent.start_anew()
    assert recent == Recent(last_loss=2.0)
    assert recent.mean_loss() == 2.0
    restored = Recent()
    restored.load_state_dict(recent.state_dict())
    assert restored == recent

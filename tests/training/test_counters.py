"""The numbers that a run counts, and their way through a checkpoint."""

from __future__ import annotations

import json
import math

from elmokit.training.counters import Counters


def test_evaluations_are_counted_until_one_is_better():
    counters = Counters()
    results = []
    for counters.step, perplexity in enumerate([30.0, 20.0, 20.0, 25.0, 10.0], start=1):
        results.append((counters.count_evaluation(perplexity), counters.evaluations_without_gain))
    assert results == [(True, 0), (True, 0), (False, 1), (False, 2), (True, 0)]
    assert (counters.best_perplexity, counters.best_step) == (10.0, 5)


def test_a_checkpoint_without_evaluation_is_strict_json():
    counters = Counters(step=7, seconds=1.5)
    stored = json.loads(json.dumps(counters.state_dict(), allow_nan=False))
    assert stored["best_perplexity"] is None
    restored = Counters(best_perplexity=3.0)
    restored.load_state_dict(stored)
    assert restored == counters
    assert restored.best_perplexity == math.inf

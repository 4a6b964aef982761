"""Tests of significance agree with SciPy's, and are right where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from elmokit.downstream.comparison.metrics import METRICS, accuracy_counts
from elmokit.downstream.comparison.significance import (
    bootstrap_p_value,
    bootstrap_scores,
    holm,
    paired_tests,
    permutation_p_value,
    score,
)
from elmokit.errors import ElmokitError

ACCURACY = METRICS["accuracy"]


def system(*runs: list[int] | np.ndarray) -> np.ndarray:
    """The counts (S, N, 2) of a classifier with the given right (1) and wrong (0) answers."""
    return np.stack([accuracy_counts(run, np.ones(len(run), int)) for run in runs])


def answers(seed: int, num_items: int, accuracy: float) -> np.ndarray:
    return (np.random.default_rng(seed).random(num_items) < accuracy).astype(int)


def test_all_swaps_of_a_small_test_set_are_tried_as_scipy_does():
    first, second = answers(0, 11, 0.9), answers(1, 11, 0.4)
    expected = stats.permutation_test(
        (first, second), lambda x, y: x.mean() - y.mean(), permutation_type="samples", n_resamples=np.inf
    )
    assert permutation_p_value(system(first), system(second), ACCURACY) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("accuracy", [0.62, 0.7, 0.78])
def test_random_swaps_agree_with_scipy(accuracy):
    first, second = answers(0, 200, accuracy), answers(1, 200, 0.6)
    expected = stats.permutation_test(
        (first, second),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    own = permutation_p_value(system(first), system(second), ACCURACY, num_resamples=20_000)
    assert own == pytest.approx(expected.pvalue, abs=0.01)


def test_the_bootstrap_interval_agrees_with_scipy():
    first, second = answers(0, 300, 0.75), answers(1, 300, 0.65)
    (test,) = paired_tests({"a": system(first), "b": system(second)}, ACCURACY)
    expected = stats.bootstrap(
        (first - second,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert test.difference == pytest.approx(first.mean() - second.mean())
    assert (test.low, test.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_scores_of_f1_are_resampled_by_their_counts():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 5, (1, 40, 3)) + np.array([0, 4, 4])
    expected = stats.bootstrap(
        (np.arange(40),),
        lambda rows: METRICS["f1"].score(counts[0, rows].sum(axis=0)),
        vectorized=False,
        method="percentile",
        n_resamples=2000,
        rng=np.random.default_rng(0),
    ).bootstrap_distribution
    own = bootstrap_scores({"a": counts}, METRICS["f1"], num_resamples=2000)["a"]
    assert own.mean() == pytest.approx(expected.mean(), abs=0.002)
    assert own.std() == pytest.approx(expected.std(), rel=0.1)


def test_equal_systems_do_not_differ():
    same = system(answers(0, 50, 0.7))
    (test,) = paired_tests({"a": same, "b": same.copy()}, ACCURACY, num_resamples=200)
    assert (test.difference, test.low, test.high) == (0, 0, 0)
    assert test.p_permutation == test.p_bootstrap == test.corrected_p_permutation == 1
    assert not test.is_significant


def test_under_the_null_hypothesis_p_values_are_uniform():
    """Two systems with the same accuracy: 5% of the tests are below 0.05, and not many more."""
    p_values = [
        permutation_p_value(
            system(answers(2 * k, 60, 0.7)), system(answers(2 * k + 1, 60, 0.7)), ACCURACY, num_resamples=200
        )
        for k in range(300)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.09
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.45, abs=0.1)


def test_the_score_of_a_system_is_the_mean_over_its_runs():
    runs = system([1, 1, 1, 0], [1, 0, 0, 0])
    assert score(runs, ACCURACY) == 0.5
    once = system([1, 1, 0, 0])
    (test,) = paired_tests({"a": runs, "b": once}, ACCURACY, num_resamples=100)
    assert test.difference == 0


def test_a_deterministic_system_needs_one_run_only():
    runs = system(*(answers(seed, 80, 0.8) for seed in range(3)))
    once = system(answers(7, 80, 0.6))
    three_times = np.repeat(once, 3, axis=0)
    assert permutation_p_value(runs, once, ACCURACY) == permutation_p_value(runs, three_times, ACCURACY)


def test_a_clear_difference_is_significant_after_correction_and_a_small_one_is_not():
    systems = {
        name: system(answers(seed, 400, accuracy))
        for seed, (name, accuracy) in enumerate({"a": 0.9, "b": 0.7, "c": 0.69}.items())
    }
    tests = {(test.first, test.second): test for test in paired_tests(systems, ACCURACY, num_resamples=2000)}
    assert list(tests) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert tests["a", "b"].is_significant
    assert not tests["b", "c"].is_significant
    assert all(test.corrected_p_permutation >= test.p_permutation for test in tests.values())
    assert tests["a", "b"].low > 0


def test_the_same_seed_gives_the_same_result():
    systems = {"a": system(answers(0, 100, 0.8)), "b": system(answers(1, 100, 0.7))}
    assert paired_tests(systems, ACCURACY, num_resamples=100) == paired_tests(
        systems, ACCURACY, num_resamples=100
    )


def test_memory_is_bounded_without_changing_the_result(monkeypatch):
    systems = {"a": system(answers(0, 100, 0.8)), "b": system(answers(1, 100, 0.7))}
    whole = bootstrap_scores(systems, ACCURACY, num_resamples=50)
    monkeypatch.setattr("elmokit.downstream.comparison.significance._WEIGHTS_PER_CHUNK", 700)
    chunked = bootstrap_scores(systems, ACCURACY, num_resamples=50)
    assert all(np.array_equal(whole[name], chunked[name]) for name in systems)


def test_holm_of_a_worked_example():
    """Holm (1979): the smallest p-value counts as often as there are tests, the next once less, and so on."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.2))
def test_holm_rejects_what_its_step_down_procedure_rejects(p_values, level):
    rejected = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if (len(p_values) - step) * p_values[place] > level:
            break
        rejected.add(place)
    assert {place for place, p in enumerate(holm(p_values)) if p <= level} == rejected


def test_the_bootstrap_p_value_counts_both_sides():
    assert bootstrap_p_value(np.array([1.0] * 99)) == pytest.approx(2 / 100)
    assert bootstrap_p_value(np.array([1.0] * 50 + [-1.0] * 49)) == 1


@pytest.mark.parametrize("other", [0, 3])
def test_systems_with_other_items_are_refused(other):
    with pytest.raises(ElmokitError, match="systems must be tested on the same items"):
        paired_tests({"a": system([1, 0]), "b": system([1] * other)}, ACCURACY)


def test_one_system_has_nothing_to_be_compared_with():
    assert paired_tests({"a": system([1, 0])}, ACCURACY) == []

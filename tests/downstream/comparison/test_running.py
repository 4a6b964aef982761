"""Models are trained with the same budget, the best settings count, and nothing is trained twice."""

from __future__ import annotations

import json

import pytest

from elmokit.downstream.comparison.outcomes import Outcomes
from elmokit.downstream.comparison.running import Plan, run

TRIALS = ({"rate": 1}, {"rate": 2}, {"rate": 3})


@pytest.fixture
def outcomes(tmp_path) -> Outcomes:
    return Outcomes(tmp_path / "outcomes")


def test_each_system_has_the_same_trials_and_the_best_settings_are_run_with_each_seed(experiment, outcomes):
    plan = Plan(("elmo-80", "word2vec-70"), 2, (40,), TRIALS)
    results = list(run(experiment, plan, outcomes))
    assert [result.name for result in results] == ["elmo-80", "word2vec-70"]
    # The best trial is the model of seed 1.
    expected = [*(("elmo-80", rate, 40, 1) for rate in (1, 2, 3)), ("elmo-80", 1, 40, 2)]
    assert experiment.log[:4] == expected
    assert [entry[1:] for entry in experiment.log[4:]] == [entry[1:] for entry in expected]
    assert all(outcome.test_counts is None for result in results for outcome in result.trials)
    assert [outcome.seed for outcome in results[0].runs] == [1, 2]
    assert results[0].runs[0].settings == {"rate": 1}


def test_the_best_trial_is_what_training_it_again_would_give(experiment, outcomes):
    plan = Plan(("elmo-80",), 2, (10, 40), TRIALS)
    (tried,) = run(experiment, plan, outcomes)
    for path in outcomes._directory.iterdir():
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["train_size"] == 10 or record["test_counts"] is not None:
            path.unlink()  # the trials with 40 examples remain, but not their models
    experiment.log.clear()
    (again,) = run(experiment, plan, outcomes)
    small = [(rate, 10, 1) for rate in (1, 2, 3)] + [(1, 10, 2)]
    assert [entry[1:] for entry in experiment.log] == [*small, (1, 40, 1), (1, 40, 2)]
    assert [own.test_counts for own in again.runs] == [own.test_counts for own in tried.runs]


def test_single_settings_are_not_tried(experiment, outcomes):
    (result,) = run(experiment, Plan(("elmo-80",), 3, (40,), TRIALS[1:2]), outcomes)
    assert experiment.log == [("elmo-80", 2, 40, seed) for seed in (1, 2, 3)]
    assert result.trials == ()


def test_a_baseline_is_trained_once_on_all_examples_and_without_trials(experiment, outcomes):
    plan = Plan(("tfidf-60",), 3, (10, 40), TRIALS)
    list(run(experiment, plan, outcomes))
    assert experiment.log == [("tfidf-60", 1, 10, seed) for seed in (1, 2, 3)] + [("tfidf-60", 1, 40, 1)]


def test_an_interrupted_comparison_goes_on_where_it_stopped(experiment, outcomes):
    plan = Plan(("elmo-80", "word2vec-70"), 3, (10, 40), TRIALS)
    whole = list(run(experiment, plan, Outcomes(outcomes._directory.parent / "other")))
    trained = list(experiment.log)
    experiment.log.clear()

    def stop(description: str, number: int) -> None:
        if len(experiment.log) == 9:  # a best trial that is not tested yet would be trained again
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(experiment, plan, outcomes, on_model=stop))
    again = list(run(experiment, plan, outcomes))
    assert experiment.log == trained, "each model once"

    def scores(results):
        return [(o.system, o.train_size, o.seed, o.test_counts) for r in results for o in r.runs]

    assert scores(again) == scores(whole)


@pytest.mark.parametrize("change", ["data", "seeds", "settings"])
def test_only_what_is_new_is_trained(experiment, outcomes, change):
    list(run(experiment, Plan(("elmo-80",), 2, (40,), TRIALS[:1]), outcomes))
    experiment.log.clear()
    if change == "data":
        experiment.fingerprint = "other data"
    trials = TRIALS[1:2] if change == "settings" else TRIALS[:1]
    list(run(experiment, Plan(("elmo-80",), 3 if change == "seeds" else 2, (40,), trials), outcomes))
    assert len(experiment.log) == (1 if change == "seeds" else 2)


def test_a_damaged_file_is_made_again(experiment, outcomes):
    plan = Plan(("elmo-80",), 1, (40,), TRIALS[:1])
    (before,) = run(experiment, plan, outcomes)
    (file,) = outcomes._directory.iterdir()
    file.write_text(file.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    (after,) = run(experiment, plan, outcomes)
    assert after.runs[0].test_counts == before.runs[0].test_counts
    assert len(experiment.log) == 2


def test_progress_counts_every_model(experiment, outcomes):
    plan = Plan(("elmo-80", "tfidf-60"), 3, (10, 40), TRIALS)
    done = []
    list(run(experiment, plan, outcomes, on_model=lambda description, number: done.append(number)))
    assert sum(done) == plan.num_models == 24


def test_what_is_kept_of_a_model(experiment, outcomes):
    (result,) = run(experiment, Plan(("elmo-80",), 1, (40,), TRIALS[:1]), outcomes)
    (outcome,) = result.runs
    assert outcome.num_parameters == 7
    assert outcome.mixing_weights == {"elmo": [0.2, 0.5, 0.3]}
    assert outcome.peak_bytes is None or outcome.peak_bytes > 2**20
    assert outcome.train_seconds >= 0

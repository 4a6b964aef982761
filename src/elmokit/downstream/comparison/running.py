"""Training the models of a comparison: for each system the same settings to try and the same seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from elmokit.downstream.comparison.outcomes import Outcomes
from elmokit.downstream.comparison.peak_memory import peak_bytes, restart_peak
from elmokit.downstream.comparison.protocol import Experiment, Outcome, System, Trained
from elmokit.downstream.comparison.samples import sample_order


@dataclass(frozen=True)
class Plan:
    """What is trained for each system."""

    systems: tuple[str, ...]
    seeds: int
    """Number of models with the best settings; their seeds are 1, 2, …"""
    train_sizes: tuple[int, ...]
    trials: tuple[dict[str, JsonValue], ...]
    """The settings to try on the dev data; a single one is not tried."""

    @property
    def num_models_per_size(self) -> int:
        """How many models are trained of a system on each number of examples; fewer of a baseline."""
        return (len(self.trials) if len(self.trials) > 1 else 0) + self.seeds

    @property
    def num_models(self) -> int:
        """How many models are trained, or fewer if there are baselines."""
        return len(self.systems) * len(self.train_sizes) * self.num_models_per_size


@dataclass(frozen=True)
class SystemRuns:
    """What came out of one system."""

    name: str
    embedding_seconds: float
    """Time to compute the vectors of all texts of the task once."""
    runs: tuple[Outcome, ...]
    """The models with the best settings, for each size and seed."""
    trials: tuple[Outcome, ...]


def run(
    experiment: Experiment,
    plan: Plan,
    outcomes: Outcomes,
    *,
    on_model: Callable[[str, int], None] = lambda description, number: None,
) -> Iterator[SystemRuns]:
    """Train all models that are not in ``outcomes`` yet, system after system.

    Args:
        experiment: the task.
        plan: what to train.
        outcomes: where finished models are kept.
        on_model: called before each model with what it is, and the number of models that are done since
            the last call.
    """
    for name in plan.systems:
        # One at a time, so that the memory of one system is not counted for another.
        yield _SystemRunner(experiment, plan, outcomes, name, on_model).run()


class _SystemRunner:
    """The models of one system."""

    def __init__(
        self,
        experiment: Experiment,
        plan: Plan,
        outcomes: Outcomes,
        name: str,
        on_model: Callable[[str, int], None],
    ) -> None:
        on_model(name, 0)
        self._experiment, self._plan, self._outcomes, self._name = experiment, plan, outcomes, name
        self._on_model = on_model
        self._system: System = experiment.system(name)
        self._best_trial: tuple[Outcome, Trained] | None = None  # it is the model of seed 1, untested

    def run(self) -> SystemRuns:
        runs, trials = [], []
        seconds = self._system.embedding_seconds()
        for size in self._plan.train_sizes:
            self._best_trial = None
            tried = [] if len(self._plan.trials) == 1 or self._system.is_baseline else list(self._tried(size))
            best = (
                max(tried, key=lambda outcome: outcome.dev_score).settings if tried else self._plan.trials[0]
            )
            trials += tried
            seeds = 1 if self._system.is_baseline and size == self._num_items else self._plan.seeds
            runs += [self._outcome(best, size, seed, with_test=True) for seed in range(1, seeds + 1)]
            self._on_model(self._name, self._plan.num_models_per_size - len(tried) - seeds)
        return SystemRuns(self._name, seconds, tuple(runs), tuple(trials))

    @property
    def _num_items(self) -> int:
        return len(self._experiment.strata)

    def _tried(self, size: int) -> Iterator[Outcome]:
        for settings in self._plan.trials:
            yield self._outcome(settings, size, seed=1, with_test=False)

    def _outcome(
        self, settings: Mapping[str, JsonValue], size: int, seed: int, *, with_test: bool
    ) -> Outcome:
        """Return what is kept of a model, after training it if there is nothing."""
        kind = f"seed {seed}" if with_test else "trial"
        self._on_model(f"{self._name}, {size:,} examples, {kind}", 0)
        key: dict[str, JsonValue] = {
            "experiment": self._experiment.fingerprint,
            "system": self._name,
            "vectors": self._system.fingerprint,
            "settings": dict(settings),
            "train_size": size,
            "seed": seed,
            "with_test": with_test,
        }
        found = self._outcomes.find(key)
        if found is None:
            found = self._tested_trial(settings, seed) if with_test else None
            found = found or self._trained(settings, size, seed, with_test)
            self._outcomes.keep(key, found)
        self._on_model(self._name, 1)
        return found

    def _tested_trial(self, settings: Mapping[str, JsonValue], seed: int) -> Outcome | None:
        """Return the best trial with its test counts, if it is the model that is wanted."""
        if self._best_trial is None:
            return None
        outcome, model = self._best_trial
        if (outcome.seed, outcome.settings) != (seed, settings):
            return None
        return outcome.model_copy(update={"test_counts": _test_counts(model)})

    def _trained(self, settings: Mapping[str, JsonValue], size: int, seed: int, with_test: bool) -> Outcome:
        rows: Sequence[int] = range(self._num_items)
        if size < self._num_items:
            rows = sorted(sample_order(self._experiment.strata, seed)[:size].tolist())
        self._system.prepare()
        restart_peak()
        begin = time.perf_counter()
        model = self._system.train(settings, rows, seed=seed)
        seconds = time.perf_counter() - begin
        outcome = Outcome(
            system=self._name,
            train_size=size,
            seed=seed,
            settings=dict(settings),
            dev_score=model.dev_score,
            test_counts=_test_counts(model) if with_test else None,
            train_seconds=seconds,
            peak_bytes=peak_bytes(),
            num_parameters=model.num_parameters,
            mixing_weights={name: list(weights) for name, weights in model.mixing_weights.items()},
        )
        if not with_test and (self._best_trial is None or outcome.dev_score > self._best_trial[0].dev_score):
            self._best_trial = outcome, model
        return outcome


def _test_counts(model: Trained) -> dict[str, list[list[int]]]:
    return {name: own.tolist() for name, own in model.test_counts().items()}

"""From the kind of a task to what runs it."""

from __future__ import annotations

from collections.abc import Callable

from elmokit.downstream.comparison.classification import ClassificationExperiment
from elmokit.downstream.comparison.protocol import Experiment
from elmokit.downstream.comparison.tagging import TaggingExperiment
from elmokit.downstream.comparison.task import Kind, Task
from elmokit.downstream.progress import Progress, no_progress

_KINDS: dict[Kind, Callable[..., Experiment]] = {
    "classify": ClassificationExperiment,
    "tag": TaggingExperiment,
}


def experiment_of(task: Task, *, device: str = "cpu", progress: Progress = no_progress) -> Experiment:
    """Read the data of a task.

    Args:
        task: the task.
        device: where models are trained.
        progress: shows what is done.

    Raises:
        TextError: if a file cannot be read.
        ConfigError: if settings do not fit the data.
    """
    return _KINDS[task.kind](task, device=device, progress=progress)

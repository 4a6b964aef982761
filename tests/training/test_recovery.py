"""Skip, roll back or stop: what happens after batches that are not finite."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.training.recovery import NonFiniteError, Recovery
from elmokit.training.run_checkpoints import RunCheckpoints

ERROR = NonFiniteError("step 5: loss nan")


class StoredCheckpoints(RunCheckpoints):
    """One checkpoint, or none."""

    def __init__(self, is_empty: bool) -> None:
        super().__init__(Path("unused"))
        self._is_empty = is_empty

    @property
    def is_empty(self) -> bool:
        return self._is_empty

    def read_last(self):
        return Path("step-00000004"), "the checkpoint"


def recovery(*overrides: str, is_empty: bool = False) -> Recovery:
    training = Config.load("tiny", ["non_finite_limit=3", *overrides]).training
    return Recovery(training, StoredCheckpoints(is_empty))


def test_single_batches_are_skipped():
    assert [recovery().rollback(ERROR, number) for number in (1, 2)] == [None, None]


def test_too_many_in_a_row_go_back():
    assert recovery().rollback(ERROR, 3) == (
        Path("step-00000004"),
        "the checkpoint",
        "3 batches in a row with a loss or gradient that is not finite, the last at step 5: loss nan",
    )


@pytest.mark.parametrize(("overrides", "is_empty"), [(["non_finite=stop"], False), ([], True)])
def test_or_end_the_run(overrides, is_empty):
    with pytest.raises(NonFiniteError, match=r"^3 batches in a row with .* loss nan; lower learning_rate"):
        recovery(*overrides, is_empty=is_empty).rollback(ERROR, 3)


def test_going_back_to_the_same_checkpoint_has_an_end():
    one = recovery()
    for _ in range(5):
        one.rollback(ERROR, 3)
    one.checkpoint_written()
    for _ in range(5):
        one.rollback(ERROR, 3)
    with pytest.raises(NonFiniteError, match="rolled back 5 times since its last checkpoint without success"):
        one.rollback(ERROR, 3)

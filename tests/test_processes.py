"""Work on several processes."""

from __future__ import annotations

import os
import signal

import pytest

from elmokit.errors import ConfigError, TextError, WorkerError
from elmokit.processes import chosen_number, ordered_map


class Task:
    """Returns what it got and who it is; dies or complains when told to."""

    def __call__(self, item: object) -> tuple[object, int]:
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "complain":
            raise TextError("text.txt:3: not valid UTF-8")
        return item, os.getpid()


def test_results_come_in_order_and_few_items_are_taken_ahead():
    taken = []

    def items():
        for item in range(40):
            taken.append(item)
            yield item

    results = []
    for item, pid in ordered_map(Task(), items(), 2):
        assert len(taken) <= item + 6
        results.append((item, pid))
    assert [item for item, _ in results] == list(range(40))
    pids = {pid for _, pid in results}
    assert os.getpid() not in pids
    assert len(pids) <= 2


def test_an_error_and_a_killed_process_are_told():
    found = ordered_map(Task(), [1, "complain", 2], 2)
    assert next(found)[0] == 1
    with pytest.raises(TextError, match=r"text.txt:3: not valid UTF-8"):
        next(found)
    with pytest.raises(WorkerError, match=r"was killed.*use fewer processes"):
        list(ordered_map(Task(), [1, "die"], 2))


def test_one_process_is_this_one():
    assert list(ordered_map(Task(), [1, 2], 1)) == [(1, os.getpid()), (2, os.getpid())]


def test_number_of_processes():
    assert chosen_number(None) >= 1
    assert chosen_number(3) == 3
    with pytest.raises(ConfigError, match="num_processes: expected at least 1, got 0"):
        chosen_number(0)

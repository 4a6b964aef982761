"""Work on several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

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


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    """Otherwise each would wait for work for ever, with a model in its memory."""
    (tmp_path / "workers.py").write_text(
        "import os, time\n"
        "from elmokit.processes import ordered_map\n"
        "def task(item):\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(0.01)\n"
        "if __name__ == '__main__':\n"
        "    list(ordered_map(task, range(10**6), 2))\n"
    )
    parent = subprocess.Popen([sys.executable, "workers.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    try:
        parent.communicate(timeout=60)  # the output ends when no process has it any more
    except subprocess.TimeoutExpired:
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker waits for ever")


def test_a_signal_waits_until_the_processes_are_started(monkeypatch, capfd):
    """A process that was started halfway would print a traceback."""
    submit = ProcessPoolExecutor.submit
    started = []

    def submit_and_be_interrupted(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        started.append(submit(*arguments))
        return started[-1]

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ordered_map(Task(), [1], 2))
    assert len(started) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="raise_signal")
def test_a_signal_between_two_steps_of_a_lock_ends_the_processes(tmp_path):
    """``with`` a condition takes its lock in one step and is ready to release it in the next."""
    (tmp_path / "workers.py").write_text(
        "import signal, sys, time\n"
        "from elmokit.processes import ordered_map\n"
        "def interrupt(frame, event, argument):\n"
        "    if event == 'return' and frame.f_back.f_code.co_name == 'result':\n"
        "        sys.settrace(None)\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    return interrupt if frame.f_code.co_qualname == 'Condition.__enter__' else None\n"
        "if __name__ == '__main__':\n"
        "    results = ordered_map(time.sleep, [0, 0.5, 0, 0], 2)\n"
        "    next(results)\n"
        "    sys.settrace(interrupt)\n"
        "    try:\n"
        "        list(results)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    ended = subprocess.run(
        [sys.executable, "workers.py"], cwd=tmp_path, capture_output=True, text=True, timeout=50
    )
    assert (ended.stdout, ended.stderr) == ("interrupted\n", "")


def test_one_process_is_this_one():
    assert list(ordered_map(Task(), [1, 2], 1)) == [(1, os.getpid()), (2, os.getpid())]


def test_number_of_processes():
    assert chosen_number(None) >= 1
    assert chosen_number(3) == 3
    with pytest.raises(ConfigError, match="num_processes: expected at least 1, got 0"):
        chosen_number(0)

"""Tasks on worker threads, compared with the same functions called one after the other."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import torch
from torch import Tensor

from elmokit.model.parallel import (
    Task,
    _use_one_thread,
    _Workers,
    num_workers,
    run_calls,
    run_on_streams,
    run_tasks,
    without_barriers,
)

pytestmark = pytest.mark.usefixtures("two_threads")


def test_calls_run_on_other_threads_with_one_thread_each():
    names = run_calls([lambda: (threading.current_thread().name, torch.get_num_threads())] * 2)
    assert all(name.startswith("elmokit") and threads == 1 for name, threads in names)
    assert torch.get_num_threads() == 2
    assert _threads_of_a_new_thread() == 2  # other threads are not affected


def _threads_of_a_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("ending", ["end", "error"])
def test_without_barriers_this_thread_computes_alone_and_tasks_on_all(ending):
    def fail() -> None:
        with without_barriers(), without_barriers():
            assert (torch.get_num_threads(), num_workers()) == (1, 2)
            barrier = threading.Barrier(2, timeout=10)
            assert sorted(run_calls([barrier.wait, barrier.wait])) == [0, 1]
            assert _threads_of_a_new_thread() == 2
            if ending == "error":
                raise ValueError("no")

    if ending == "error":
        with pytest.raises(ValueError, match="no"):
            fail()
    else:
        fail()
    assert (torch.get_num_threads(), num_workers(), _threads_of_a_new_thread()) == (2, 2, 2)


def test_workers_started_without_barriers_leave_the_threads_of_others(monkeypatch):
    monkeypatch.setattr("elmokit.model.parallel._workers", _Workers(_use_one_thread))
    with without_barriers():
        assert run_calls([torch.get_num_threads] * 2) == [1, 1]
        assert (torch.get_num_threads(), _threads_of_a_new_thread()) == (1, 2)
    assert (torch.get_num_threads(), _threads_of_a_new_thread()) == (2, 2)


def test_both_calls_run_at_the_same_time():
    barrier = threading.Barrier(2, timeout=10)
    assert sorted(run_calls([barrier.wait, barrier.wait])) == [0, 1]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_the_gradient_mode_is_the_callers(mode):
    def modes() -> tuple[bool, bool]:
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    with mode():
        assert run_calls([modes, modes]) == [modes()] * 2


def test_errors_reach_the_caller():
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_calls([fail, fail])


class _Interruption:
    """Ctrl-C where the n-th function begins or returns; Python does not raise it between any two lines."""

    def __init__(self, event: int) -> None:
        self.remaining = event

    def __call__(self, frame: FrameType, event: str, argument: object) -> _Interruption:
        self.remaining -= event in ("call", "return")
        if self.remaining == 0:
            signal.raise_signal(signal.SIGINT)
        return self


@pytest.fixture
def no_garbage_collection():
    """No callbacks of the collector, in which an exception is lost."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("started", [True, False])
def test_ctrl_c_at_any_moment_leaves_workers_that_work(started, monkeypatch):
    before = sys.gettrace()
    num_interrupted = 0
    for event in range(1, 400):
        if event == 1 or not started:
            monkeypatch.setattr("elmokit.model.parallel._workers", _Workers(_use_one_thread))
        if event == 1 and started:
            run_calls([int] * 2)
        interruption = _Interruption(event)
        try:
            sys.settrace(interruption)
            run_calls([lambda: time.sleep(0.001)] * 2)
        except KeyboardInterrupt:
            num_interrupted += 1
        finally:
            sys.settrace(before)
        if interruption.remaining > 0:
            break  # it has ended before
        found: list[list[int]] = []
        caller = threading.Thread(target=lambda: found.append(run_calls([int] * 4)), daemon=True)  # noqa: B023
        caller.start()
        caller.join(timeout=10)
        assert found == [[0] * 4], event
    else:
        pytest.fail("it never ends")
    assert num_interrupted > 20
    assert (torch.get_num_threads(), _threads_of_a_new_thread()) == (2, 2)


def _tasks(x: Tensor, shared: Tensor, own: list[Tensor]) -> list[Task]:
    def task(k: int) -> Task:
        def function(x: Tensor) -> tuple[Tensor, ...]:
            hidden = torch.tanh(x * shared) @ own[k]
            return hidden, hidden.square().sum(), hidden.detach().amax(dim=0)

        return Task(function, (x,), (shared, own[k]))

    return [task(k) for k in range(3)]


def test_gradients_equal_those_without_workers():
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    x, shared, own = random(4, 3), random(3), [random(3, 2) for _ in range(3)]
    sources = [x, shared, *own]
    results = []
    for threads in (2, 1):
        torch.set_num_threads(threads)
        outputs = run_tasks(_tasks(x, shared, own))
        assert all(hidden.requires_grad and not top.requires_grad for hidden, _, top in outputs)
        # The second task's first output, and the third task altogether, are not used.
        loss = outputs[0][0].sum() * 3 + outputs[0][1] + outputs[1][1]
        results.append(
            [*(value for output in outputs for value in output), *torch.autograd.grad(loss, sources[:4])]
        )
    for parallel, plain in zip(*results, strict=True):
        torch.testing.assert_close(parallel, plain, rtol=1e-12, atol=1e-14)


def test_a_graph_can_be_kept_for_a_second_backward_pass():
    x = torch.ones(2, requires_grad=True)
    tasks = [Task(lambda x, k=k: ((x**k).sum(),), (x,)) for k in (2, 3)]
    (first,), (second,) = run_tasks(tasks)
    loss = first + second
    loss.backward(retain_graph=True)
    assert x.grad is not None
    once = x.grad.clone()
    loss.backward()
    assert torch.equal(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_sparse_gradients_of_shared_parameters_are_added():
    table = torch.zeros(5, 2, requires_grad=True)

    def look_up(ids: Tensor) -> tuple[Tensor, ...]:
        return (torch.nn.functional.embedding(ids, table, sparse=True).sum(),)

    tasks = [Task(look_up, (torch.tensor(ids),), (table,)) for ids in ([0, 1], [1, 4])]
    torch.stack([loss for (loss,) in run_tasks(tasks)]).sum().backward()
    assert table.grad is not None
    assert table.grad.is_sparse
    assert table.grad.to_dense()[:, 0].tolist() == [1, 2, 0, 0, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_starts_its_own_workers():
    assert run_calls([lambda: 1, lambda: 2]) == [1, 2]
    child = os.fork()
    if child == 0:
        os._exit(0 if run_calls([lambda: 3, lambda: 4]) == [3, 4] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_operations_in_a_forked_process_do_not_wait_for_threads_of_its_parent():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        matrix = torch.ones(1000, 1000)
        assert matrix.exp().shape == (1000, 1000)  # on both threads
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # it would wait for ever
            os._exit(0 if torch.get_num_threads() == 1 and bool(matrix.exp().isfinite().all()) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class _FakeStreams:
    """Stands in for ``torch.cuda``: notes what is done, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.present = _FakeStream(self, "present")
        self._num_streams = 0

    def current_stream(self) -> _FakeStream:
        return self.present

    def current_device(self) -> int:
        return 0

    def Stream(self, device: int) -> _FakeStream:  # noqa: N802
        self._num_streams += 1
        return _FakeStream(self, f"side{self._num_streams}")

    @contextmanager
    def stream(self, stream: _FakeStream) -> Iterator[None]:
        before, self.present = self.present, stream
        yield
        self.present = before


class _FakeStream:
    def __init__(self, cuda: _FakeStreams, name: str) -> None:
        self._cuda, self._name = cuda, name

    def __str__(self) -> str:
        return self._name

    def wait_stream(self, other: _FakeStream) -> None:
        self._cuda.events.append(f"{self} waits for {other}")


class _FakeTensor:
    def __init__(self, cuda: _FakeStreams, name: str) -> None:
        self._cuda, self._name = cuda, name

    def record_stream(self, stream: _FakeStream) -> None:
        self._cuda.events.append(f"{stream} uses {self._name}")


def test_tasks_on_streams_wait_for_their_inputs_and_are_waited_for():
    cuda = _FakeStreams()

    def task(name: str) -> Task:
        def run(given: _FakeTensor) -> tuple[_FakeTensor]:
            cuda.events.append(f"{name} runs on {cuda.present}")
            return (_FakeTensor(cuda, f"output of {name}"),)

        inputs = (_FakeTensor(cuda, f"input of {name}"),)
        return Task(run, inputs, constants=(_FakeTensor(cuda, f"constant of {name}"),))

    outputs = run_on_streams([task("forward"), task("backward")], cuda)
    assert [len(part) for part in outputs] == [1, 1]
    assert cuda.events == [
        "forward runs on present",
        "side1 waits for present",
        "backward runs on side1",
        "present waits for side1",
        "side1 uses input of backward",
        "side1 uses constant of backward",
        "present uses output of backward",
    ]
    assert str(cuda.present) == "present"

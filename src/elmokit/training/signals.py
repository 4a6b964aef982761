"""End training on a signal, after its step and with a checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from elmokit.training.trainer import Trainer


@contextmanager
def stop_on_signals(
    trainer: Trainer, on_signal: Callable[[signal.Signals], None] | None = None
) -> Iterator[list[signal.Signals]]:
    """Let the first SIGINT, SIGTERM or SIGHUP end training after its step; a second one acts as usual.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.

    For the main thread of a program only, as Python's signal handlers are::

        with stop_on_signals(trainer):
            for progress in trainer.run():
                ...

    Args:
        trainer: whose :meth:`Trainer.request_stop` is called.
        on_signal: called with the signal, inside the signal handler.

    Yields:
        The signals received so far.
    """
    received: list[signal.Signals] = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    # The terminal is closed, which Windows does not signal; Ctrl-Break, which only Windows has.
    numbers += [getattr(signal, name) for name in ("SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    handlers = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def stop(number: int, _: object) -> None:
        received.append(signal.Signals(number))
        trainer.request_stop()
        restore()
        if on_signal is not None:
            on_signal(received[-1])

    for number in handlers:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        restore()

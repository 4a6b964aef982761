"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it has half-written is removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SignalError(KeyboardInterrupt):
    """A signal that ends the command.

    Args:
        number: of the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


def number_of(error: BaseException) -> signal.Signals:
    """Return the signal behind an interruption, which click may have wrapped; SIGINT for Ctrl-C."""
    for cause in (error, error.__cause__):
        if isinstance(cause, SignalError):
            return cause.number
    return signal.SIGINT


@contextmanager
def interrupting_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise a :class:`SignalError`; a second one ends the process at once.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored, and one that somebody handles is left
    to them.
    """
    numbers = [
        getattr(signal, name)
        for name in ("SIGTERM", "SIGHUP")  # there is no SIGHUP on Windows
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread()
    ]
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SignalError(signal.Signals(number))

    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

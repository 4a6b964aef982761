"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it has half-written is removed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SECONDS_TO_AGAIN = 0.05


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


def _send(number: signal.Signals) -> None:
    """Send a signal to the main thread, which handles it."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


@contextmanager
def interrupting_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise a :class:`SignalError`; a second one ends the process at once.

    Libraries in C may turn what a signal raises into an error of their own, such as that a file is damaged:
    an error that comes after a signal, Ctrl-C among them, is raised as the signal.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored, and one that somebody handles is left
    to them. Where Python ignores exceptions, as when an object is deleted, the signal comes again a little
    later, and so does Ctrl-C.
    """
    numbers = [
        getattr(signal, name)
        for name in ("SIGTERM", "SIGHUP")  # there is no SIGHUP on Windows
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread()
    ]
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]

    received: list[signal.Signals] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        if number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        signal.signal(number, signal.SIG_DFL)
        raise SignalError(received[-1])

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            before(unraisable)
            return
        number = number_of(unraisable.exc_value)
        if number in numbers:
            signal.signal(number, interrupt)
        # Not now: what is raised here would be ignored as well.
        timer = threading.Timer(_SECONDS_TO_AGAIN, _send, [number])
        timer.daemon = True
        timer.start()

    before, sys.unraisablehook = sys.unraisablehook, send_again
    before_sigint = None
    if threading.current_thread() is threading.main_thread():
        before_sigint = signal.getsignal(signal.SIGINT)
        if before_sigint is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    except (click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        if received:
            raise SignalError(received[0]) from error
        raise
    finally:
        if before_sigint is signal.default_int_handler:
            signal.signal(signal.SIGINT, before_sigint)
        sys.unraisablehook = before
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

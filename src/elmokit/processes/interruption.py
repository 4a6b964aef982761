"""Keeping signals from interrupting what must not be left half-done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # there is no SIGHUP on Windows


@contextmanager
def signals_put_off() -> Iterator[None]:
    """Handle signals at the end: what they raise inside of a library would be an error of the library.

    Only the main thread handles signals, and those that end the process at once are left alone.
    """
    received: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        handlers = {number: signal.getsignal(number) for number in numbers}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in handlers:
            signal.signal(number, lambda own, frame: received.append(own))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in received:
            signal.raise_signal(number)

"""Waiting for a server, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class SlowError(Exception):
    """A server that sends too little for too long; another try may be faster."""


class Call(Generic[_Result]):
    """A call that may wait for ever, such as for the headers of a response; it runs in the background.

    Args:
        function: what to call. If nobody waits for it any more, it goes on, and its result is dropped.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        self._future: Future[_Result] = Future()
        self._function = function
        threading.Thread(target=self._run, name="elmokit-waiting", daemon=True).start()

    def result(self, seconds: float) -> _Result:
        """Return what the function returns.

        Raises:
            SlowError: when it has not returned in time; it may be waited for again.
            Exception: what the function raises.
        """
        try:
            return self._future.result(seconds)
        except TimeoutError as error:
            if self._future.done():  # the function's own
                raise
            raise SlowError(f"no complete response within {seconds:g} s") from error

    def _run(self) -> None:
        try:
            self._future.set_result(self._function())
        except BaseException as error:
            self._future.set_exception(error)


def call_within(seconds: float, function: Callable[[], _Result]) -> _Result:
    """Call a function that may wait for ever.

    Raises:
        SlowError: when it has not returned in time.
        Exception: what the function raises.
    """
    return Call(function).result(seconds)

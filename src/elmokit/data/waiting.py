"""Waiting for a server, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_Result = TypeVar("_Result")


class SlowError(Exception):
    """A server that sends too little for too long; another try may be faster."""


def call_within(seconds: float, function: Callable[[], _Result]) -> _Result:
    """Call a function that may wait for ever, such as for the headers of a response.

    Raises:
        SlowError: when it has not returned in time. It goes on in the background, and its result is dropped.
        Exception: what the function raises.
    """
    future: Future[_Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, name="elmokit-waiting", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done():  # the function's own
            raise
        raise SlowError(f"no complete response within {seconds:g} s") from error

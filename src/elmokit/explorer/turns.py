"""Who is served next, when several questions wait for the same model."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS_PER_WORD = 0.02  # more than a word takes, so that a long text gives way to short ones


class Turns:
    """A lock for work on texts, where short texts pass long ones.

    A plain lock may be taken again and again by the same long text, while a short one waits. Here each work
    has a deadline, the later the longer its text is, and the turn goes to the earliest deadline that waits.
    So a short text waits for no more than the work that is going on, and a long one is not put off for ever.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []  # deadlines, and numbers that make them distinct
        self._numbers = itertools.count()
        self._is_taken = False

    @contextmanager
    def turn(self, num_words: int) -> Iterator[None]:
        """Wait for the turn, and have it for as long as the context lasts.

        Args:
            num_words: length of the text that is worked on.
        """
        with self._changed:
            mine = (self._clock() + _SECONDS_PER_WORD * num_words, next(self._numbers))
            heapq.heappush(self._waiting, mine)
            self._changed.wait_for(lambda: not self._is_taken and self._waiting[0] == mine)
            heapq.heappop(self._waiting)
            self._is_taken = True
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()

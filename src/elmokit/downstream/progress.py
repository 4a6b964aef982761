"""How work of unknown length reports what it has done, without knowing what shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias


class Bar(Protocol):
    """What a progress bar can do."""

    def update(self, amount: float, /) -> object:
        """Add to what is done."""

    def set_postfix_str(self, text: str, refresh: bool, /) -> object:
        """Say what has been reached so far, now or with the next update."""


Progress: TypeAlias = Callable[[str, float | None, str], AbstractContextManager[Bar]]
"""Takes a description, the amount of work and its unit, and shows a bar in the ``with`` block."""


class _NoBar:
    def update(self, amount: float, /) -> None:
        """Show nothing."""

    def set_postfix_str(self, text: str, refresh: bool, /) -> None:
        """Show nothing."""


@contextmanager
def no_progress(description: str, total: float | None, unit: str) -> Iterator[Bar]:
    """Show nothing."""
    yield _NoBar()

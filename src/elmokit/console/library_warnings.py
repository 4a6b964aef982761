"""Warnings of the library as lines on the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from elmokit.console import terminal
from elmokit.errors import ElmokitWarning


@contextmanager
def shown_warnings() -> Iterator[None]:
    """Print the library's own warnings as ``warning: ...``, without file and line; others as usual.

    One that is raised again, as when settings are read several times, is printed once.
    """
    printed = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ElmokitWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: object, **options: object) -> None:
            if issubclass(category, ElmokitWarning):
                if str(message) not in printed:
                    printed.add(str(message))
                    terminal.warn(str(message))
            else:
                usual(message, category, *where, **options)  # type: ignore[arg-type]

        warnings.showwarning = show
        yield

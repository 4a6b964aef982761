"""Lines of at most the terminal's width."""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import TextIO

_MIN_COLUMNS = 40  # on a narrower terminal, lines are wrapped by the terminal


def wrapped(message: str, stream: TextIO, indent: int = 2) -> str:
    """Wrap a message between words, unless it goes to a file, where one message is one line.

    Args:
        message: of one or several lines, each of which is wrapped.
        stream: where it will be written.
        indent: of all lines after the first.
    """
    columns = _columns(stream)
    if columns is None or columns < _MIN_COLUMNS:
        return message
    wrapper = textwrap.TextWrapper(
        columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    # Short lines stay as they are: their spaces may align columns.
    return "\n".join(
        line if len(line) <= columns else "\n".join(wrapper.wrap(line)) for line in message.split("\n")
    )


def _columns(stream: TextIO) -> int | None:
    """Return the width of a terminal, or what COLUMNS says; None for a file or a pipe."""
    try:
        is_terminal = stream.isatty()
    except ValueError:  # closed
        is_terminal = False
    return shutil.get_terminal_size().columns if is_terminal or "COLUMNS" in os.environ else None

"""Progress bars that are honest about the remaining time, and readable in a file."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

_LOG_INTERVAL_SECONDS = 60.0  # between two lines of progress if stderr is not a terminal
# The first step of training takes many times as long as the others, so the speed is measured after it.
_MIN_SECONDS = 3.0
_MIN_SHARE = 0.02  # of the work after which an estimate is shown in any case
_TERMINAL_FORMAT = "{desc}: {percentage:3.0f}%|{bar:16}| [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_LOG_FORMAT = "{desc}: {percentage:.0f}% [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_UNKNOWN_TOTAL_FORMAT = "{desc}: {n_fmt}{unit} [{elapsed}, {rate_fmt}{postfix}]"


class _LogStream:
    """A stream that writes a progress bar as lines, for a log file where nothing can be overwritten."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        self._stream.flush()


class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    """A progress bar with the remaining time, on stderr; a line every minute if that is not a terminal.

    Args:
        options: as for :class:`tqdm.tqdm`.
    """

    def __init__(self, **options: Any) -> None:
        self._start: tuple[float, float] | None = None
        self._is_interactive = sys.stderr.isatty()
        super().__init__(
            **{
                "unit_scale": True,
                "dynamic_ncols": self._is_interactive,
                "ncols": None if self._is_interactive else 80,
                "mininterval": 0.2 if self._is_interactive else _LOG_INTERVAL_SECONDS,
                "leave": False,
                "file": sys.stderr if self._is_interactive else _LogStream(sys.stderr),
                **options,
            }
        )

    def update(self, n: float | None = 1) -> bool | None:
        """Count work that has been done."""
        shown: bool | None = super().update(n)
        if self._start is None and not self.disable and n:
            self._start = (self._time(), self.n)
        return shown

    @property
    def format_dict(self) -> dict[str, Any]:
        """What a line is made of: the remaining time is left open until the speed is known."""
        values: dict[str, Any] = super().format_dict
        if self._start is None or not self.total:
            seconds, done = 0.0, 0.0
        else:
            seconds, done = self._time() - self._start[0], self.n - self._start[1]
        is_known = done > 0 and (seconds >= _MIN_SECONDS or (self.total and done >= _MIN_SHARE * self.total))
        if is_known:
            values["rate"] = done / max(seconds, 1e-9)
        line = _TERMINAL_FORMAT if self._is_interactive else _LOG_FORMAT
        if not self.total:
            line = _UNKNOWN_TOTAL_FORMAT
        elif not is_known:
            line = line.replace("{remaining}, {rate_fmt}", "?")
        if self.total == 1:  # the work is a share, whose speed says nothing
            line = line.replace(", {rate_fmt}", "")
        values["bar_format"] = line
        return values

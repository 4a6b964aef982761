"""The option --width of commands that draw figures."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.errors import ConfigError
from elmokit.visualize.figures import FIGURE_SUFFIXES

_WIDTHS = {"column": 7.7, "page": 16.0}  # centimeters, in papers of the ACL


class _Width(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A width in centimeters, or the name of one."""

    name = "column|page|CM"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if value in _WIDTHS:
            return _WIDTHS[value]
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r}: expected column, page or a number of centimeters", param, ctx)


figure_width_option = click.option(
    "--width",
    type=_Width(),
    help="Width of the figure, with text of 8 to 10 points: column (7.7 cm) and page (16 cm) as in ACL "
    "papers, or centimeters; IEEE columns have 8.9.  [default: by the content]",
)


def needs_figure(output: Path, width: float | None) -> None:
    """Refuse a width for an output that is no figure."""
    if width is not None and output.suffix.lower() not in FIGURE_SUFFIXES:
        raise ConfigError(f"--width: only for {', '.join(FIGURE_SUFFIXES)}, got {output}")

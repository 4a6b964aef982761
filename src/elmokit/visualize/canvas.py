"""Create Matplotlib figures without pyplot."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from elmokit.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CENTIMETER = 1 / 2.54  # inches
_NARROWEST, _WIDEST = 5.0, 100.0  # centimeters


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure that a notebook can display.

    Args:
        width: in inches.
        height: in inches.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None

    class NotebookFigure(Figure):
        """A figure that a notebook displays although pyplot does not know it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", metadata={"Software": None})
            return buffer.getvalue()

    figure = NotebookFigure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def checked_width(width: float) -> float:
    """Return a width in inches.

    Args:
        width: in centimeters.

    Raises:
        ConfigError: if no figure fits the width.
    """
    if not _NARROWEST <= width <= _WIDEST:
        raise ConfigError(f"width: expected {_NARROWEST:g} to {_WIDEST:g} centimeters, got {width:g}")
    return width * _CENTIMETER

"""Create Matplotlib figures without pyplot."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from elmokit.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

"""Figures of Matplotlib that need no pyplot, and their files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elmokit.errors import ConfigError, MissingExtraError
from elmokit.files.atomic import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as InteractiveFigure

SUFFIXES = (".png", ".svg", ".pdf", ".html")
_SAVED_DPI = 200


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that a notebook shows.

    Args:
        width: in inches.
        height: in inches.

    Raises:
        MissingExtraError: when Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None

    class NotebookFigure(Figure):
        """Shown by a notebook though pyplot does not know of it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", metadata={"Software": None})
            return buffer.getvalue()

    figure = NotebookFigure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def check_suffix(path: Path) -> None:
    """Refuse a file whose name does not say what kind of picture it is.

    Raises:
        ConfigError: for any suffix but .png, .svg, .pdf and .html.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: what kind of picture? expected a name that ends in {', '.join(SUFFIXES)}")


def save_figure(figure: Figure | InteractiveFigure, path: str | Path) -> None:
    """Write a figure, the same bytes for the same figure.

    Args:
        figure: of Plotly for ``.html``, else of Matplotlib.
        path: its suffix says the kind of file.

    Raises:
        ConfigError: for any suffix but .png, .svg, .pdf and .html.
        OutputError: when it cannot be written.
    """
    path = Path(path)
    check_suffix(path)
    kind = path.suffix.lower().removeprefix(".")
    with new_file(path) as temporary:
        if kind == "html":
            _write_html(figure, temporary)
        else:
            _write_image(figure, temporary, kind)


def _write_html(figure: Any, path: Path) -> None:
    """One file, which needs no network."""
    config = {"displaylogo": False, "scrollZoom": True}
    figure.write_html(path, include_plotlyjs=True, div_id="elmokit", config=config)


def _write_image(figure: Any, path: Path, kind: str) -> None:
    from matplotlib import rc_context

    # Neither dates nor random names.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with rc_context({"svg.hashsalt": "elmokit"}):
        figure.savefig(path, format=kind, dpi=_SAVED_DPI, metadata=metadata)

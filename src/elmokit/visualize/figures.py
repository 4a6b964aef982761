"""Create Matplotlib figures without pyplot, and save figures to files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from elmokit.errors import ConfigError, MissingExtraError
from elmokit.files.atomic import kind_by_beginning, new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elmokit.visualize.interactive_map import InteractiveMap

SUFFIXES = (".png", ".svg", ".pdf", ".html", ".parquet")
_OF_MAPS = (".html", ".parquet")
_SAVED_DPI = 200


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


def check_suffix(path: Path) -> None:
    """Check that the suffix of a file name is a supported image format.

    Raises:
        ConfigError: if the suffix is not .png, .svg, .pdf, .html or .parquet.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: unknown image format {path.suffix!r}: "
            f"expected a name that ends in {', '.join(SUFFIXES)}"
        )


_KINDS = {
    suffix: kind_by_beginning(f"a {suffix.upper()} picture" if suffix != "html" else "a page", beginning)
    for suffix, beginning in {
        "png": rb"\x89PNG",
        "pdf": rb"%PDF",
        "svg": rb"\s*<(\?xml|svg|!doctype svg)",
        "html": rb"\s*<(!doctype html|html)",
    }.items()
} | {"parquet": kind_by_beginning("a .parquet file", rb"PAR1")}


def save_figure(figure: Figure | InteractiveMap, path: str | Path) -> None:
    """Save a figure to a file; the same figure gives the same bytes.

    Args:
        figure: an interactive map for ``.html`` and ``.parquet``, else a Matplotlib figure.
        path: the file to write; its suffix selects the format.

    Raises:
        ConfigError: if the suffix is not .png, .svg, .pdf, .html or .parquet, or the figure of another kind.
        MissingExtraError: if PyArrow is needed and not installed.
        OutputError: if the file cannot be written, or a file of another kind is there.
    """
    # Here, since a command that finds a wrong suffix must not load PyTorch.
    from elmokit.visualize.atlas_table import write_atlas_table
    from elmokit.visualize.interactive_map import InteractiveMap

    path = Path(path)
    check_suffix(path)
    kind = path.suffix.lower().removeprefix(".")
    of_maps = path.suffix.lower() in _OF_MAPS
    if of_maps != isinstance(figure, InteractiveMap):
        expected = "an interactive map" if of_maps else "a Matplotlib figure"
        raise ConfigError(f"{path}: expected {expected} for this format, got {type(figure).__name__}")
    with new_file(path, _KINDS[kind]) as temporary:
        if isinstance(figure, InteractiveMap) and kind == "parquet":
            write_atlas_table(figure.map, temporary)
        elif isinstance(figure, InteractiveMap):
            temporary.write_text(figure.page, encoding="utf-8")
        else:
            _write_image(figure, temporary, kind)


def _write_image(figure: Figure, path: Path, kind: str) -> None:
    from matplotlib import rc_context

    # Without dates and random names, the same figure gives the same bytes.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with rc_context({"svg.hashsalt": "elmokit"}):
        figure.savefig(path, format=kind, dpi=_SAVED_DPI, metadata=metadata)

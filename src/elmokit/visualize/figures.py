"""Save figures and maps to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from elmokit.arguments import checked
from elmokit.errors import ConfigError
from elmokit.files.atomic import kind_by_beginning, new_file
from elmokit.files.home import expanded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elmokit.visualize.interactive_map import InteractiveMap

ANIMATION_SUFFIXES = (".gif", ".webp", ".mp4")
MAP_SUFFIXES = (".html", *ANIMATION_SUFFIXES, ".parquet")
"""Formats of interactive maps, which other figures do not have."""
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
SUFFIXES = (*FIGURE_SUFFIXES, *MAP_SUFFIXES)
_SAVED_DPI = 200


def check_suffix(path: Path) -> None:
    """Check that the suffix of a file name is a supported image format.

    Raises:
        ConfigError: if the suffix is none of ``SUFFIXES``.
    """
    if path.suffix.lower() not in SUFFIXES:
        found = f"unknown image format {path.suffix!r}" if path.suffix else "no image format"
        raise ConfigError(f"{path}: {found}: expected a name that ends in {', '.join(SUFFIXES)}")


_KINDS = {
    suffix: kind_by_beginning(f"a {suffix.upper()} picture" if suffix != "html" else "a page", beginning)
    for suffix, beginning in {
        "png": rb"\x89PNG",
        "pdf": rb"%PDF",
        "svg": rb"\s*<(\?xml|svg|!doctype svg)",
        "html": rb"\s*<(!doctype html|html)",
    }.items()
} | {
    "gif": kind_by_beginning("a .GIF picture", rb"GIF8"),
    "webp": kind_by_beginning("a .WEBP picture", rb"RIFF....WEBP"),
    "mp4": kind_by_beginning("an .MP4 video", rb"....ftyp"),
    "parquet": kind_by_beginning("a .parquet file", rb"PAR1"),
}


@checked
def save_figure(figure: Figure | InteractiveMap, path: str | Path) -> None:
    """Save a figure to a file; the same figure gives the same bytes.

    Args:
        figure: an interactive map for one of ``MAP_SUFFIXES``, else a Matplotlib figure.
        path: the file to write; its suffix selects the format.

    Raises:
        ConfigError: if the suffix is none of ``SUFFIXES``, or the figure of another kind.
        MissingExtraError: if PyArrow or ffmpeg is needed and not installed.
        OutputError: if the file cannot be written, or a file of another kind is there.
    """
    # Here, since a command that finds a wrong suffix must not load PyTorch.
    from elmokit.visualize.animation import write_animation
    from elmokit.visualize.atlas_table import write_atlas_table
    from elmokit.visualize.interactive_map import InteractiveMap

    path = expanded(path)
    check_suffix(path)
    kind = path.suffix.lower().removeprefix(".")
    of_maps = path.suffix.lower() in MAP_SUFFIXES
    if of_maps != isinstance(figure, InteractiveMap):
        expected = "an interactive map" if of_maps else "a Matplotlib figure"
        raise ConfigError(f"{path}: expected {expected} for this format, got {type(figure).__name__}")
    if not of_maps and not hasattr(figure, "savefig"):
        raise ConfigError(f"{path}: expected a Matplotlib figure, got {type(figure).__name__}")
    with new_file(path, _KINDS[kind]) as temporary:
        if isinstance(figure, InteractiveMap) and kind == "parquet":
            write_atlas_table(figure.map, temporary)
        elif isinstance(figure, InteractiveMap) and f".{kind}" in ANIMATION_SUFFIXES:
            write_animation(figure.map, temporary, kind)
        elif isinstance(figure, InteractiveMap):
            temporary.write_text(figure.page, encoding="utf-8")
        else:
            _write_image(figure, temporary, kind)


def _write_image(figure: Figure, path: Path, kind: str) -> None:
    from matplotlib import rc_context

    # Without dates and random names, the same figure gives the same bytes.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    # Text stays text: it can be searched in .svg files, and publishers refuse fonts of Type 3 in .pdf files.
    with rc_context({"svg.hashsalt": "elmokit", "svg.fonttype": "none", "pdf.fonttype": 42}):
        figure.savefig(path, format=kind, dpi=_SAVED_DPI, metadata=metadata)

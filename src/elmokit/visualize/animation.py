"""An animated picture in which the words of a map move from the token layer to the top layer."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elmokit.visualize.canvas import new_figure
from elmokit.visualize.layout import lay_out
from elmokit.visualize.palette import COLORS, OTHER, TEXT
from elmokit.visualize.word_map import WordMap

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDTH, _HEIGHT, _DPI = 6.4, 4.4, 100  # inches, pixels per inch
_STEPS = 18  # frames from one layer to the next
_STEP, _HOLD, _LAST = 55, 900, 2200  # milliseconds: a frame, a layer, the last layer
_MARKERS = "os^Dv+p"  # as on interactive maps


def write_animation(word_map: WordMap, path: Path, kind: str) -> None:
    """Write a picture that moves through the layers and starts again; equal maps give equal bytes.

    Args:
        word_map: a map with every layer.
        path: the file to write.
        kind: ``gif`` or ``webp``.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    frames, milliseconds = _frames(word_map)
    options = {"lossless": True} if kind == "webp" else {"optimize": False}
    frames[0].save(
        path, kind, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, **options
    )


def _frames(word_map: WordMap) -> tuple[list[Image], list[int]]:
    """Return the frames, and how long each of them is shown."""
    from PIL import Image

    layout = lay_out(word_map)
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = figure.add_axes((0.02, 0.03, 0.96, 0.86))
    every = np.concatenate([layer.coordinates for layer in word_map.layers])
    middle, reach = (every.min(axis=0) + every.max(axis=0)) / 2, np.ptp(every, axis=0).max() * 0.56 or 1.0
    axes.set(
        xlim=(middle[0] - reach * 1.5, middle[0] + reach * 1.5),
        ylim=(middle[1] - reach, middle[1] + reach),
    )
    axes.axis("off")
    looks = {"fontfamily": layout.families, "color": TEXT, "parse_math": False}
    figure.text(0.02, 0.94, layout.drawable(word_map.title), fontsize=11, va="center", **looks)  # type: ignore[arg-type]
    name = figure.text(0.98, 0.94, "", fontsize=11, va="center", ha="right", **looks)  # type: ignore[arg-type]
    groups = np.asarray(word_map.groups or [""] * len(word_map.occurrences), dtype=object)
    drawn = []
    for number, group in enumerate(dict.fromkeys(groups)):
        color = layout.colors.get(group, COLORS[0])
        members = np.flatnonzero(groups == group)
        marker = "o" if color == OTHER else _MARKERS[number % len(_MARKERS)]
        dots = axes.scatter([], [], s=26, c=color, marker=marker, alpha=0.85, linewidths=0)
        label = axes.text(0, 0, "", fontsize=10, weight="bold", ha="center", fontfamily=layout.families)
        label.set(parse_math=False, color=color, clip_on=True)
        if group in word_map.central:
            label.set_text(layout.drawable(group))
        drawn.append((members, dots, label))
    frames, milliseconds = [], []
    for points, shown, hold, parted in _moments(word_map):
        for members, dots, label in drawn:
            dots.set_offsets(points[members])
            top = points[members].max(axis=0)[1] + 0.08 * reach
            label.set_alpha(parted)  # names would lie on each other as long as the groups do
            label.set_position((float(np.median(points[members, 0])), float(top)))
        name.set_text(shown)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        buffer.seek(0)
        frames.append(Image.open(buffer).convert("RGB"))
        milliseconds.append(hold)
    return frames, milliseconds


def _moments(word_map: WordMap) -> list[tuple[np.ndarray, str, int, float]]:
    """Return points, layer, duration and how far the first layer was left, for each frame."""
    layers = word_map.layers
    moments = [(layers[0].coordinates, layers[0].name, _HOLD, float(len(layers) == 1))]
    for number, (lower, upper) in enumerate(itertools.pairwise(layers)):
        for step in range(1, _STEPS + 1):
            share = step / _STEPS
            share = share * share * (3 - 2 * share)
            points = lower.coordinates + (upper.coordinates - lower.coordinates) * share
            name = upper.name if share > 0.5 else lower.name
            moments.append((points, name, _STEP, 1.0 if number else share))
        moments[-1] = (upper.coordinates, upper.name, _HOLD, 1.0)
    points, name, _, parted = moments[-1]
    moments[-1] = (points, name, _LAST, parted)
    return moments

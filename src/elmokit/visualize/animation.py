"""An animated picture in which the words of a map move from the token layer to the top layer."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elmokit.visualize.canvas import new_figure
from elmokit.visualize.label_placement import place_labels
from elmokit.visualize.map_looks import MapLooks, looks_of
from elmokit.visualize.palette import QUIET, TEXT
from elmokit.visualize.video import write_video
from elmokit.visualize.word_map import WordMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from PIL.Image import Image

_WIDTH, _HEIGHT, _DPI = 6.4, 4.4, 100  # inches, pixels per inch
_PLACE = (0.02, 0.08, 0.96, 0.82)  # of the axes in the figure
_MARGIN = 1.25  # space for labels, relative to the spread of the points
_STEPS = 18  # frames from one layer to the next
_FADING = 4  # frames in which the labels of the last layer appear
_STEP, _HOLD, _LAST = 50, 900, 3000  # milliseconds: a frame, a layer, the last layer
_AREA = 26.0  # of a point
_MANY = 100  # words that would have no space for labels


class _Moment(NamedTuple):
    """What a frame shows, and how long."""

    points: np.ndarray
    layer: str
    milliseconds: int
    parted: float
    """How far the first layer was left, from 0 to 1: names would lie on each other where the groups do."""
    labeled: float = 0.0
    """How visible the labels are, from 0 to 1."""


def write_animation(word_map: WordMap, path: Path, kind: str) -> None:
    """Write a picture or a video that moves through the layers; equal maps give equal bytes.

    Pictures start again at their end.

    Args:
        word_map: a map with every layer.
        path: the file to write.
        kind: ``gif``, ``webp`` or ``mp4``.

    Raises:
        MissingExtraError: if Matplotlib is not installed, or there is no ffmpeg for a video.
    """
    frames, milliseconds = _frames(word_map)
    if kind == "mp4":
        write_video(frames, [duration // _STEP for duration in milliseconds], path, 1000 // _STEP)
        return
    options = {"lossless": True} if kind == "webp" else {"optimize": False}
    frames[0].save(
        path, kind, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, **options
    )


def _frames(word_map: WordMap) -> tuple[list[Image], list[int]]:
    """Return the frames, and how long each of them is shown."""
    from PIL import Image

    looks = looks_of(word_map)
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = figure.add_axes(_PLACE)
    _fit(axes, np.concatenate([layer.coordinates for layer in word_map.layers]))
    axes.axis("off")
    layer = _write_around(figure, looks)
    scatters = [
        axes.scatter([], [], s=_AREA, c=dots.color, marker=dots.marker, alpha=0.85, linewidths=0)
        for dots in looks.dots
    ]
    names = _names(axes, looks)
    _show(axes, looks, scatters, names, word_map.layers[-1].coordinates, 1.0)
    labels = _labels(axes, looks, names) if len(word_map.occurrences) <= _MANY else []
    frames, milliseconds = [], []
    for moment in _moments(word_map, fading=_FADING if labels else 0):
        _show(axes, looks, scatters, names, moment.points, moment.parted)
        for artist in labels:
            artist.set_alpha(moment.labeled)
        layer.set_text(moment.layer)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        buffer.seek(0)
        frames.append(Image.open(buffer).convert("RGB"))
        milliseconds.append(moment.milliseconds)
    return frames, milliseconds


def _fit(axes: Axes, points: np.ndarray) -> None:
    """Choose limits that show all points, with the same scale on both axes."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array([_PLACE[2] * _WIDTH, _PLACE[3] * _HEIGHT])
    half = (_MARGIN * ((high - low) / size).max() or 1.0) * size / 2
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _write_around(figure: Figure, looks: MapLooks) -> Text:
    """Write title and caption, and return the text that names the layer."""
    word_map = looks.map
    title = {"fontfamily": looks.families, "fontsize": 11, "color": TEXT, "va": "center", "parse_math": False}
    figure.text(0.02, 0.95, looks.drawable(word_map.title), **title)  # type: ignore[arg-type]
    count = f"{len(word_map.occurrences):,} words"
    caption = f"{count}; {word_map.method}, layers aligned with each other, seed {word_map.seed}"
    figure.text(0.02, 0.04, caption, fontsize=8, color=QUIET, va="center")
    return figure.text(0.98, 0.95, "", ha="right", weight="bold", **title)  # type: ignore[arg-type]


def _names(axes: Axes, looks: MapLooks) -> list[Text]:
    """Create a text for the name of each group; empty if names are not written on the map."""
    central = {looks.drawable(name) for name in looks.map.central}
    return [
        axes.text(
            0,
            0,
            f"{dots.name} ({len(dots.members):,})" if dots.name in central else "",
            fontsize=10,
            weight="bold",
            ha="center",
            fontfamily=looks.families,
            color=dots.color,
            parse_math=False,
            clip_on=True,
        )
        for dots in looks.dots
    ]


def _labels(axes: Axes, looks: MapLooks, names: list[Text]) -> list[Text]:
    """Label the points of the last layer where labels cover no name, and return all that was drawn."""
    word_map = looks.map
    points = [word_map.layers[-1].coordinates]
    for name in names:
        if name.get_text():
            box = name.get_window_extent()
            corners = np.array(list(itertools.product(np.linspace(box.x0, box.x1, 12), (box.y0, box.y1))))
            points.append(axes.transData.inverted().transform(corners))
    earlier = list(axes.lines)
    placed = place_labels(
        axes,
        np.concatenate(points),
        [looks.drawable(text) for text in word_map.texts],
        word_map.by_importance,
        marker_area=_AREA,
        font_size=8,
        families=looks.families,
    )
    return [*placed.values(), *(line for line in axes.lines if line not in earlier)]  # type: ignore[list-item]


def _show(
    axes: Axes,
    looks: MapLooks,
    scatters: list[PathCollection],
    names: list[Text],
    points: np.ndarray,
    parted: float,
) -> None:
    """Move all dots, and the names above them."""
    bottom, top = axes.get_ylim()
    for dots, scatter, name in zip(looks.dots, scatters, names, strict=True):
        own = points[dots.members]
        scatter.set_offsets(own)
        name.set_alpha(parted)
        name.set_position((float(np.median(own[:, 0])), float(own[:, 1].max() + 0.03 * (top - bottom))))


def _moments(word_map: WordMap, *, fading: int) -> list[_Moment]:
    """Return what each frame shows."""
    layers = word_map.layers
    moments = [_Moment(layers[0].coordinates, layers[0].name, _HOLD, float(len(layers) == 1))]
    for number, (lower, upper) in enumerate(itertools.pairwise(layers)):
        for step in range(1, _STEPS + 1):
            share = step / _STEPS
            share = share * share * (3 - 2 * share)
            points = lower.coordinates + (upper.coordinates - lower.coordinates) * share
            name = upper.name if share > 0.5 else lower.name
            moments.append(_Moment(points, name, _STEP, 1.0 if number else share))
        moments[-1] = _Moment(upper.coordinates, upper.name, _HOLD, 1.0)
    last = moments[-1]
    moments += [last._replace(milliseconds=_STEP, labeled=step / fading) for step in range(1, fading + 1)]
    moments[-1] = moments[-1]._replace(milliseconds=_LAST)
    return moments

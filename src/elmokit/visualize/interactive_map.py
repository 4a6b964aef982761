"""A map of words as an interactive page: zoom in, search, follow the words from layer to layer."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from elmokit.viewer.map_data import Group, Layer, MapData
from elmokit.viewer.map_page import map_page
from elmokit.visualize.palette import COLORS, OTHER, color_groups
from elmokit.visualize.word_map import CONTEXT_WORDS, WordMap

_NOTEBOOK_HEIGHT = 620  # pixels
_MAX_FILE_NAME = 60  # characters


@dataclass(frozen=True)
class InteractiveMap:
    """A map that a notebook displays, and that :func:`elmokit.save_figure` saves as ``.html``."""

    map: WordMap

    @cached_property
    def page(self) -> str:
        """The page: one file that needs no network."""
        return map_page(map_data(self.map))

    def _repr_html_(self) -> str:
        # In a frame of its own, the page neither sees the notebook nor changes its style.
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="{html.escape(self.map.title)}" '
            'sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {_NOTEBOOK_HEIGHT}px; border: 1px solid #8888"></iframe>'
        )


def map_data(word_map: WordMap) -> MapData:
    """Return what the viewer shows of a map, which has every layer (``every_layer``)."""
    indices: dict[int, int] = {}  # of sentences that have a word on the map
    places, sentences = [], []
    for occurrence in word_map.occurrences:
        number = occurrence.sentence_index
        if number not in indices:
            indices[number] = len(indices)
            sentences.append(occurrence.sentence)
        places.append((indices[number], occurrence.position))
    groups, group_of = _groups(word_map)
    caption = f"{word_map.caption}, seed {word_map.seed}" + (
        f" · {word_map.axes[0]}; {word_map.axes[1]}" if word_map.axes else ""
    )
    return MapData(
        title=word_map.title,
        caption=caption,
        file_name=_file_name(word_map.title),
        layers=[Layer(**vars(layer)) for layer in word_map.layers],
        start=word_map.start,
        sentences=sentences,
        sentence_numbers=[number + 1 for number in indices],
        occurrences=np.array(places, np.int32).reshape(-1, 2),
        context_words=CONTEXT_WORDS if word_map.in_context else 0,
        groups=groups,
        group_of=group_of,
        named_on_map=bool(word_map.central),
    )


def _groups(word_map: WordMap) -> tuple[list[Group], np.ndarray | None]:
    """Return the groups, and the index of the group of each point; small groups share the last, gray one."""
    if word_map.groups is None:
        return [], None
    colors = {str(name): color for name, color in color_groups(word_map.groups).items()}
    own = [name for name, color in colors.items() if color != OTHER]
    others = [name for name, color in colors.items() if color == OTHER]
    entry_of = {name: number for number, name in enumerate(own)} | dict.fromkeys(others, len(own))
    group_of = np.array([entry_of[name] for name in word_map.groups], np.uint16)
    counts = np.bincount(group_of, minlength=len(own))
    groups = [
        Group(name, int(counts[number]), word_map.central.get(name, -1), COLORS.index(colors[name]), number)
        for number, name in enumerate(own)
    ]
    if others:
        groups.append(Group(f"{len(others):,} others", int(counts[len(own)]), -1, -1, 0))
    return groups, group_of


def _file_name(title: str) -> str:
    """Return a name for files that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.")[:_MAX_FILE_NAME] or "map"

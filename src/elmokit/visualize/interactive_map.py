"""A map of words as an interactive page: zoom in, search, follow the words from layer to layer."""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from elmokit.viewer.map_data import MAX_GROUPS, Group, Layer, MapData, SubstituteTable, look
from elmokit.viewer.map_page import map_page
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
        substitutes=_substitute_table(word_map),
        comparison=None if word_map.comparison is None else word_map.comparison.to_json(),
    )


def _substitute_table(word_map: WordMap) -> SubstituteTable | None:
    if not word_map.substitutes:
        return None
    numbers: dict[str, int] = {}
    size = (len(word_map.substitutes), max(map(len, word_map.substitutes)))
    table, shares = np.full(size, -1, np.int32), np.zeros(size, np.float32)
    for point, candidates in enumerate(word_map.substitutes):
        for place, candidate in enumerate(candidates):
            table[point, place] = numbers.setdefault(candidate.word, len(numbers))
            shares[point, place] = math.exp(candidate.log_probability)
    return SubstituteTable(list(numbers), table, shares)


def _groups(word_map: WordMap) -> tuple[list[Group], np.ndarray | None]:
    """Return the groups, and the index of the group of each point; small groups share the last, gray one."""
    if word_map.groups is None:
        return [], None
    sizes = Counter(word_map.groups)  # in the order of their first appearance, like the largest of them
    num_own = len(sizes) if len(sizes) <= MAX_GROUPS else MAX_GROUPS - 1
    largest = {name for name, _ in sizes.most_common(num_own)}
    own = [name for name in sizes if name in largest]
    entry_of = {name: number for number, name in enumerate(own)}
    group_of = np.array([entry_of.get(name, len(own)) for name in word_map.groups], np.uint16)
    groups = [
        Group(name, sizes[name], word_map.central.get(name, -1), *look(number))
        for number, name in enumerate(own)
    ]
    if len(own) < len(sizes):
        num_others = len(sizes) - len(own)
        groups.append(Group(f"{num_others:,} others", int((group_of == len(own)).sum()), -1, -1, 0))
    return groups, group_of


def _file_name(title: str) -> str:
    """Return a name for files that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.")[:_MAX_FILE_NAME] or "map"

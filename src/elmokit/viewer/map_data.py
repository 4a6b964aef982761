"""The data of a map page, as JSON that the viewer reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_COLORS = 7
"""Colors and shapes of groups in the style sheet of the viewer."""

MAX_GROUPS = 3 * NUM_COLORS
"""Groups with a look of their own: three shapes of each color."""


def look(number: int) -> tuple[int, int]:
    """Return the color and the shape of a group: no two of the first 49 groups have both in common."""
    return number % NUM_COLORS, (number + number // NUM_COLORS) % NUM_COLORS


@dataclass(frozen=True)
class Layer:
    """Where the N words lie in one layer."""

    name: str
    coordinates: np.ndarray
    """(N, 2)"""
    neighbors: np.ndarray
    """(N, K) the most similar other words, nearest first; K may be 0."""
    similarities: np.ndarray
    """(N, K) their cosine similarities."""


@dataclass(frozen=True)
class Group:
    """A group of words, with a color and a shape of its own."""

    name: str
    count: int
    central: int
    """The word that is nearest to the mean of its group; -1 if the legend shows no sentence."""
    color: int
    """Number of its color; -1 for gray, which several groups share."""
    shape: int


@dataclass(frozen=True)
class SubstituteTable:
    """Words that the language model predicts in place of N words."""

    words: Sequence[str]
    """The distinct substitutes."""
    of: np.ndarray
    """(N, K) indices of ``words``, the most likely first; -1 where there are fewer."""
    shares: np.ndarray
    """(N, K) their probabilities."""


@dataclass(frozen=True)
class MapData:
    """A map of N words in context."""

    title: str
    caption: str
    file_name: str
    """Name of the files that the page saves, without suffix."""
    layers: Sequence[Layer]
    start: int
    """Number of the layer that is shown first."""
    sentences: Sequence[Sequence[str]]
    sentence_numbers: Sequence[int]
    """Number of each sentence in its text, from 1."""
    occurrences: np.ndarray
    """(N, 2) index of the sentence and of the word in it."""
    context_words: int
    """Words on either side that the label of a point shows."""
    groups: Sequence[Group] = ()
    group_of: np.ndarray | None = None
    """(N,) indices of groups; None if there are none."""
    named_on_map: bool = False
    """Whether the names of groups are written on the map."""
    substitutes: SubstituteTable | None = None
    comparison: Mapping[str, Any] | None = None
    """What differs between two texts, as JSON values; ``docs/formats.md`` describes them."""

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain values; arrays are little-endian and encoded as base64."""
        found: dict[str, Any] = {
            "format": "elmokit-map",
            "version": 1,
            "title": readable(self.title),
            "caption": readable(self.caption),
            "file_name": self.file_name,
            "layers": [
                {
                    "name": layer.name,
                    "coordinates": _base64(layer.coordinates, "<f4"),
                    "neighbors": _base64(layer.neighbors, "<i4"),
                    "similarities": _base64(layer.similarities, "<f4"),
                }
                for layer in self.layers
            ],
            "start": self.start,
            "sentences": [[readable(word) for word in sentence] for sentence in self.sentences],
            "sentence_numbers": list(self.sentence_numbers),
            "occurrences": _base64(self.occurrences, "<i4"),
            "context_words": self.context_words,
            "named_on_map": self.named_on_map,
            "groups": None,
            "substitutes": None,
            "comparison": self.comparison,
        }
        if self.substitutes is not None:
            found["substitutes"] = {
                "words": [readable(word) for word in self.substitutes.words],
                "of": _base64(self.substitutes.of, "<i4"),
                "shares": _base64(self.substitutes.shares, "<f4"),
            }
        if self.group_of is not None:
            entries = [{**vars(group), "name": readable(group.name)} for group in self.groups]
            found["groups"] = {"of": _base64(self.group_of, "<u2"), "entries": entries}
        return found


def json_in_html(value: Any) -> str:
    """Return JSON that can stand inside a script element: no token of it can end the element."""
    written = readable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def readable(text: str) -> str:
    """Replace halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _base64(array: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")

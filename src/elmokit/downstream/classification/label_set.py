"""The labels that a classifier knows, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elmokit.errors import ConfigError, ElmokitError

Labels = Sequence[str] | Sequence[Sequence[str]]
"""One label per text, or a list of labels per text."""


@dataclass(frozen=True)
class LabelSet:
    """K labels in the order of a classifier's outputs."""

    names: tuple[str, ...]
    is_multi_label: bool
    """Whether a text has any number of labels rather than exactly one."""

    @classmethod
    def of(cls, labels: Labels) -> LabelSet:
        """Return the labels of training texts, sorted.

        Raises:
            ConfigError: if there are too few to learn anything.
        """
        is_multi_label = bool(len(labels)) and not _is_single(labels[0])
        counts = Counter(name for own in as_tuples(labels, is_multi_label) for name in own)
        names = tuple(sorted(counts))
        if len(names) < 2 - is_multi_label:
            found = f"all have the label {names[0]!r}" if names else "none has a label"
            least = "one label" if is_multi_label else "two different labels"
            raise ConfigError(f"training texts: {found}, expected at least {least}")
        return cls(names, is_multi_label)

    def targets(self, labels: Sequence[tuple[str, ...]]) -> np.ndarray:
        """Return (N, K) float32 with 1 for each label of a text; labels that are not known are left out."""
        column = {name: place for place, name in enumerate(self.names)}
        found = np.zeros((len(labels), len(self.names)), dtype=np.float32)
        for row, own in enumerate(labels):
            for name in own:
                if name in column:
                    found[row, column[name]] = 1
        return found

    def unseen(self, labels: Iterable[tuple[str, ...]]) -> dict[str, int]:
        """Return the labels that are not known, with the number of texts that have them."""
        known = set(self.names)
        found = Counter(name for own in labels for name in own if name not in known)
        return dict(sorted(found.items()))


def as_tuples(labels: Labels, is_multi_label: bool, what: str = "labels") -> list[tuple[str, ...]]:
    """Return the labels of each text as a tuple.

    Raises:
        ElmokitError: if some text has one label and another a list of labels.
    """
    found: list[tuple[str, ...]] = []
    for number, own in enumerate(labels):
        if _is_single(own) == is_multi_label:
            expected = "a list of labels" if is_multi_label else "one label"
            raise ElmokitError(f"{what}[{number}]: expected {expected}, got {own!r}")
        if is_multi_label and not isinstance(own, Iterable):
            raise ElmokitError(f"{what}[{number}]: expected labels, got {own!r}")
        found.append(tuple(dict.fromkeys(map(_name, own))) if is_multi_label else (_name(own),))
    return found


def _is_single(label: object) -> bool:
    return isinstance(label, str | int | float) or getattr(label, "ndim", 1) == 0  # of NumPy and PyTorch


def _name(label: Any) -> str:
    return str(label.item() if getattr(label, "ndim", 1) == 0 else label)

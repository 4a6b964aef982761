"""Pairs of words in context, or of sentences, with a label or a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from elmokit.arguments import checked
from elmokit.downstream.words.tables import Occurrence, Row, Table
from elmokit.errors import TextError

Kind = Literal["label", "score"]

_LABELS = ("same_sense", "label", "is_duplicate", "paraphrase", "entailment")
_SCORES = ("score", "similarity", "relatedness")
_YES, _NO = ("1", "t", "true", "yes"), ("0", "f", "false", "no")


@dataclass(frozen=True)
class Pairs:
    """Pairs to compare."""

    name: str
    """Of the file, for messages."""
    first: list[Occurrence]
    second: list[Occurrence]
    targets: np.ndarray | None
    """(N,) 1 and 0, or scores; None if they are asked for."""
    kind: Kind
    """Whether the targets are labels, same or not, or scores."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def of_words(self) -> bool:
        """Whether words in context are compared, not sentences."""
        return self.first[0].position is not None


@checked
def read_pairs(table: Table, *, tagged: bool = True) -> Pairs:
    """Read pairs from a table.

    The columns are ``tokens1`` and ``tokens2`` (or ``sentence1``, ``text1``), for words also ``index1`` and
    ``index2``, positions from 0; and a label (``same_sense``, ``label``, ``is_duplicate``, ``paraphrase``:
    1/0, T/F, true/false, yes/no) or a score (``score``, ``similarity``, ``relatedness``).

    Args:
        table: the table.
        tagged: whether there must be targets.

    Raises:
        TextError: with file and line.
    """
    texts = [table.need([f"{name}{k}" for name in ("tokens", "sentence", "text")]) for k in "12"]
    indexes = [table.find([f"index{k}", f"position{k}"]) for k in "12"]
    if (indexes[0] is None) != (indexes[1] is None):
        raise TextError(f"{table.path}:1: expected both index1 and index2, or none of them")
    label = table.find(_LABELS)
    score = table.find(_SCORES) if label is None else None
    if tagged and label is None and score is None:
        table.need([*_LABELS, *_SCORES])
    sides = [
        [row.occurrence(text, index) for row in table.rows]
        for text, index in zip(texts, indexes, strict=True)
    ]
    targets = None
    if tagged and label is not None:
        targets = np.array([_label(row, label) for row in table.rows])
    elif tagged and score is not None:
        targets = np.array([_score(row, score) for row in table.rows])
    return Pairs(table.path, sides[0], sides[1], targets, "label" if score is None else "score")


def same_pairs(one: Pairs, other: Pairs) -> bool:
    """Return whether two files have the same pairs."""
    return one.first == other.first and one.second == other.second


def _label(row: Row, column: str) -> float:
    value = row.values[column].strip().lower()
    if value not in (*_YES, *_NO):
        raise TextError(f"{row.where}: {column}: expected 1 or 0, T or F, got {value[:40]!r}")
    return float(value in _YES)


def _score(row: Row, column: str) -> float:
    value = row.values[column]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TextError(f"{row.where}: {column}: expected a number, got {value[:40]!r}")
    return number


def ranks(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the ranks of values from 1, the average rank for equal ones."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: np.ndarray = (last - (counts - 1) / 2)[inverse]
    return found

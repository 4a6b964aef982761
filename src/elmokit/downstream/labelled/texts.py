"""Texts with their labels and where they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LabelledTexts:
    """N texts with one label or several each."""

    texts: Sequence[str]
    labels: Sequence[tuple[str, ...]]
    """The labels of each text: exactly one, or with ``is_multi_label`` any number."""
    places: Sequence[str]
    """Where each text is, such as ``reviews.tsv:3``."""
    is_multi_label: bool = False
    source: str = ""
    """The file or directory."""
    note: str = ""
    """What was guessed, for people; empty if nothing was."""

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        return zip(self.texts, self.labels, strict=True)

    def __getitem__(self, rows: Sequence[int]) -> LabelledTexts:
        """Return some of the texts, by their indexes."""
        return LabelledTexts(
            [self.texts[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.places[row] for row in rows],
            self.is_multi_label,
            self.source,
            self.note,
        )

    def counts(self) -> dict[str, int]:
        """Return how many texts have each label, the labels sorted."""
        found = Counter(label for own in self.labels for label in own)
        return {label: found[label] for label in sorted(found)}

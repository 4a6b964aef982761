"""What a new run restored from an earlier model, tensor by tensor."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from elmokit.files.atomic import write_text

Outcome: TypeAlias = Literal["restored", "transplanted", "fresh", "excluded"]

REPORT_FILE = "restart.json"  # in a save directory


@dataclass(frozen=True)
class TensorReport:
    """What happened to one parameter and to its optimizer state."""

    name: str
    shape: tuple[int, ...]
    outcome: Outcome
    optimizer: Outcome
    """What happened to its optimizer state; never ``excluded``."""
    reason: str
    num_kept: int | None = None
    """Rows of words in both vocabularies, for a tensor that was transplanted."""
    num_new: int | None = None
    num_dropped: int | None = None
    is_shifted: bool = False
    """Whether the bias was shifted to the word frequencies of the new text."""


@dataclass(frozen=True)
class RestartReport:
    """What a new run restored from an earlier model."""

    source: str
    num_updates: int
    """Number of updates from which the optimizer continues to count."""
    optimizer: str
    """What happened to the optimizer's state, in words."""
    tensors: tuple[TensorReport, ...]

    def __repr__(self) -> str:
        counts = Counter(tensor.outcome for tensor in self.tensors)
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return f"RestartReport({self.source!r}, num_updates={self.num_updates}, tensors: {outcomes})"

    def __str__(self) -> str:
        """Return the table."""
        header = ("tensor", "shape", "outcome", "kept", "new", "dropped", "optimizer", "why")
        rows = [
            (
                tensor.name,
                " x ".join(map(str, tensor.shape)),
                tensor.outcome,
                *(
                    "" if n is None else f"{n:,}"
                    for n in (tensor.num_kept, tensor.num_new, tensor.num_dropped)
                ),
                tensor.optimizer,
                tensor.reason,
            )
            for tensor in self.tensors
        ]
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        is_number = (3, 4, 5)
        lines = [
            "  ".join(
                cell.rjust(width) if k in is_number else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (header, *rows)
        ]
        return "\n".join([f"continuing from {self.source}; optimizer: {self.optimizer}", *lines])

    def summary(self) -> str:
        """Return a line for each outcome, and one for each tensor whose rows belong to words."""
        lines = [f"continuing from {self.source}; optimizer: {self.optimizer}"]
        for outcome in get_args(Outcome):
            tensors = [tensor for tensor in self.tensors if tensor.outcome == outcome]
            if tensors:
                number = sum(math.prod(tensor.shape) for tensor in tensors)
                counted = f"{len(tensors)} tensor{'s' if len(tensors) > 1 else ''}"
                names = "" if len(tensors) > 3 else ": " + ", ".join(tensor.name for tensor in tensors)
                lines.append(f"  {outcome:<12} {counted}, {number:,} parameters{names}")
        kept = {(t.num_kept, t.num_new, t.num_dropped) for t in self.tensors if t.num_kept is not None}
        for num_kept, num_new, num_dropped in sorted(kept):
            lines.append(f"  words        {num_kept:,} kept, {num_new:,} new, {num_dropped:,} dropped")
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        """Write the report as JSON.

        Raises:
            OutputError: when it cannot be written.
        """
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")

"""What is wrong with labelled texts although a classifier can work with them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from elmokit.errors import OverlappingTextsWarning, UnseenLabelsWarning


def warn_of_overlap(
    rows: Sequence[int], num_texts: int, what: str, consequence: str, *, among: str = "training"
) -> None:
    """Warn of texts that a model was trained with, or that decided when its training stopped."""
    warnings.warn(
        f"{len(rows)} of {num_texts} {what} texts are among the {among} texts, the first one is number "
        f"{rows[0] + 1}: {consequence}",
        OverlappingTextsWarning,
        stacklevel=3,
    )


def warn_of_labels(unseen: Mapping[str, int], what: str) -> None:
    """Warn of labels that a model cannot predict."""
    shown = ", ".join(f"{name} ({count})" for name, count in list(unseen.items())[:10])
    warnings.warn(
        f"labels of {what} texts that the classifier cannot predict: {shown}: these texts count as errors",
        UnseenLabelsWarning,
        stacklevel=3,
    )

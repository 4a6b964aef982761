"""Setting a share of the training texts aside, to decide when training stops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmokit.errors import ConfigError


def split_off(
    labels: Sequence[tuple[str, ...]], hashes: np.ndarray, share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Return the indexes of the texts to train with, and of those that are set aside.

    Each combination of labels has the same share, as far as that is possible; at least one text of each is
    trained with. Texts that are equal stay together.

    Args:
        labels: those of each text.
        hashes: (N,) equal for equal texts.
        share: of the texts to set aside, between 0 and 1.
        seed: another seed chooses other texts.

    Raises:
        ConfigError: if there are too few texts.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    members: dict[tuple[str, ...], dict[int, list[int]]] = {}
    first_labels: dict[int, tuple[str, ...]] = {}
    for row in order.tolist():
        key = int(hashes[row])
        group = members.setdefault(first_labels.setdefault(key, labels[row]), {})
        group.setdefault(key, []).append(row)
    aside: list[int] = []
    owed = 0.0
    for own in members.values():
        texts = list(own.values())
        owed += share * sum(map(len, texts))
        for rows in texts[1:]:
            if owed < len(rows) - 0.5:
                break
            aside += rows
            owed -= len(rows)
    if not aside:
        raise ConfigError(
            f"{len(labels)} training texts with {len(set(labels))} labels are too few to split dev texts "
            "off: pass dev texts, or more texts of each label"
        )
    is_aside = set(aside)
    return [row for row in range(len(labels)) if row not in is_aside], sorted(aside)

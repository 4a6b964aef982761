"""Maps to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from elmokit.neighbors.cosine import nearest_rows, unit_vectors
from elmokit.viewer.map_data import Group, Layer, MapData, SubstituteTable


@pytest.fixture(scope="session")
def make_map() -> Callable[..., MapData]:
    """A function that returns a map of the words of some sentences, at random places in three layers."""

    def make(
        sentences: Sequence[Sequence[str]],
        *,
        with_groups: bool = True,
        comparison: Mapping[str, object] | None = None,
    ) -> MapData:
        places = [(k, position) for k, sentence in enumerate(sentences) for position in range(len(sentence))]
        size = len(places)
        generator = np.random.default_rng(size)
        layers = []
        for number in range(3):
            points = generator.normal(size=(size, 2)) * number  # the words of layer 0 are one point
            layers.append(
                Layer(
                    f"layer {number}",
                    points,
                    *nearest_rows(unit_vectors(generator.normal(size=(size, 4))), 4),
                )
            )
        group_of = np.arange(size) % 3 if with_groups else None
        groups = [
            Group(name, sum(k % 3 == number for k in range(size)), min(number, size - 1), number, number)
            for number, name in enumerate(("vote · citizen", "<b>now</b>", "away"))
        ]
        return MapData(
            title="“right” in <i>text</i> & more",
            caption="t-SNE, seed 0",
            file_name="right",
            layers=layers,
            start=2,
            sentences=sentences,
            sentence_numbers=list(range(1, len(sentences) + 1)),
            occurrences=np.array(places),
            context_words=0,
            groups=groups if with_groups else (),
            group_of=group_of,
            named_on_map=with_groups,
            substitutes=SubstituteTable(
                ["vote", "<i>else</i>"],
                np.tile([[1, 0], [0, -1]], (size, 1))[:size],
                np.tile([[0.5, 0.25], [0.125, 0]], (size, 1))[:size],
            ),
            comparison=comparison,
        )

    return make

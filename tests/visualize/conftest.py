"""A model, sentences and random maps to draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from elmokit.data.occurrences import Occurrence
from elmokit.embedder import ElmoEmbedder
from elmokit.visualize.word_map import WordMap


@pytest.fixture(scope="session")
def embedder(golden) -> ElmoEmbedder:
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return [
        "Argentina played football very well",
        "Brazil is a strong team",
        "Artists all over the world are attending the play",
        "Child is playing the guitar",
        "There was absolute silence during the play",
    ]


@pytest.fixture(scope="session")
def random_map() -> Callable[..., WordMap]:
    """A function that returns a map of random words at random positions."""

    def make(num_points: int, groups: list[str] | None = None) -> WordMap:
        generator = np.random.default_rng(num_points)
        letters = list("abcdefghijklmnopqrstuvwxyzWMgpq")
        words = [
            "".join(generator.choice(letters, size=generator.integers(1, 12))) for _ in range(num_points)
        ]
        return WordMap(
            [Occurrence((word,), k, 0) for k, word in enumerate(words)],
            generator.normal(size=(num_points, 2)),
            words,
            groups,
            None,
            "a map",
        )

    return make


@pytest.fixture(scope="session")
def labels_of() -> Callable[[Figure], list[Text]]:
    """A function that returns the labels of a map."""

    def find(figure: Figure) -> list[Text]:
        (axes,) = figure.axes
        return list(axes.texts)

    return find

"""The map of the page as a page in one file."""

from __future__ import annotations

import numpy as np

from elmokit.explorer.differences import TEXT_NAMES
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.typed_text import Sentences
from elmokit.neighbors.cosine import nearest_rows, unit_vectors
from elmokit.viewer.map_data import Group, Layer, MapData, look
from elmokit.viewer.map_page import map_page
from elmokit.visualize.layer_maps import NUM_NEIGHBORS, layer_name
from elmokit.visualize.projection import Method
from elmokit.visualize.text_comparison import TextComparison

_METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def saved_map(
    explorer: Explorer,
    sentences: Sentences,
    method: Method,
    start: int,
    model_name: str,
    num_first: int | None = None,
    comparison: TextComparison | None = None,
) -> str:
    """Return the page of a map of typed sentences, with all layers.

    Args:
        explorer: the model.
        sentences: at least one token.
        method: the method of projection.
        start: the layer that is shown first.
        model_name: for the title.
        num_first: the number of sentences of the first text, if there are two.
        comparison: of these texts.
    """
    text = explorer.explore(sentences)
    layers = [
        Layer(layer_name(number), points, *nearest_rows(unit_vectors(vectors), NUM_NEIGHBORS))
        for number, (points, vectors) in enumerate(
            zip(explorer.layer_maps(sentences, method), text.layers, strict=True)
        )
    ]
    places = [(occurrence.sentence_index, occurrence.position) for occurrence in text.occurrences]
    group_of = np.array([sentence for sentence, _ in places], np.uint16)
    names = [" ".join(sentence) for sentence in sentences]
    if num_first is not None:
        group_of, names = (group_of >= num_first).astype(np.uint16), list(TEXT_NAMES)
    groups = [
        Group(name, int((group_of == number).sum()), -1, *look(number)) for number, name in enumerate(names)
    ]
    return map_page(
        MapData(
            title=f"Words in context · {model_name}",
            caption=_METHODS[method],
            file_name="elmokit-map",
            layers=layers,
            start=start,
            sentences=sentences,
            sentence_numbers=list(range(1, len(sentences) + 1)),
            occurrences=np.array(places, np.int32),
            context_words=0,
            groups=groups,
            group_of=group_of,
            comparison=None if comparison is None else comparison.to_json(),
        )
    )

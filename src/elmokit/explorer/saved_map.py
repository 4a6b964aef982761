"""The map of the page as a page in one file."""

from __future__ import annotations

import numpy as np

from elmokit.explorer.explorer import Explorer
from elmokit.explorer.typed_text import Sentences
from elmokit.neighbors.cosine import nearest_rows, unit_vectors
from elmokit.viewer.map_data import Group, Layer, MapData, look
from elmokit.viewer.map_page import map_page
from elmokit.visualize.layer_maps import NUM_NEIGHBORS, layer_name
from elmokit.visualize.projection import Method

_METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def saved_map(explorer: Explorer, sentences: Sentences, method: Method, start: int, model_name: str) -> str:
    """Return the page of a map of typed sentences, with all layers.

    Args:
        explorer: the model.
        sentences: at least one token.
        method: the method of projection.
        start: the layer that is shown first.
        model_name: for the title.
    """
    text = explorer.explore(sentences)
    layers = [
        Layer(layer_name(number), points, *nearest_rows(unit_vectors(vectors), NUM_NEIGHBORS))
        for number, (points, vectors) in enumerate(
            zip(explorer.layer_maps(sentences, method), text.layers, strict=True)
        )
    ]
    places = [(occurrence.sentence_index, occurrence.position) for occurrence in text.occurrences]
    groups = [
        Group(" ".join(sentence), len(sentence), -1, *look(number))
        for number, sentence in enumerate(sentences)
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
            group_of=np.array([sentence for sentence, _ in places], np.uint16),
        )
    )

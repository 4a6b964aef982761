"""A map of words as a Parquet file for Embedding Atlas, which shows maps of up to millions of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elmokit.formats.parquet_part import require_pyarrow
from elmokit.viewer.map_data import readable
from elmokit.visualize.word_map import WordMap

TASK = "writing Parquet files"
"""For the message that PyArrow is not installed."""


def write_atlas_table(word_map: WordMap, path: Path) -> None:
    """Write the layer that a map shows as a table with a row for each word.

    The columns are ``x``, ``y``, ``word``, ``sentence``, ``group`` (if there are groups), ``layer``,
    ``sentence_number`` and ``position`` (from 1), and ``neighbors``, a record of the row numbers ``ids``
    of the most similar words and their cosine ``distances``.

    Args:
        word_map: a map with the nearest words of each word (``neighbors``).
        path: the file to write.

    Raises:
        MissingExtraError: if PyArrow is not installed.
    """
    pyarrow = require_pyarrow(TASK)
    layer = word_map.layers[word_map.start]
    occurrences = word_map.occurrences
    columns = {
        "x": layer.coordinates[:, 0].astype(np.float32),
        "y": layer.coordinates[:, 1].astype(np.float32),
        "word": [readable(occurrence.word) for occurrence in occurrences],
        "sentence": [readable(" ".join(occurrence.sentence)) for occurrence in occurrences],
        **({} if word_map.groups is None else {"group": [readable(name) for name in word_map.groups]}),
        "layer": [layer.name] * len(occurrences),
        "sentence_number": np.array([occurrence.sentence_index + 1 for occurrence in occurrences]),
        "position": np.array([occurrence.position + 1 for occurrence in occurrences]),
        "neighbors": pyarrow.StructArray.from_arrays(
            [
                pyarrow.array(list(layer.neighbors.astype(np.int64)), pyarrow.list_(pyarrow.int64())),
                pyarrow.array(
                    list(1 - layer.similarities.astype(np.float64)), pyarrow.list_(pyarrow.float64())
                ),
            ],
            ["ids", "distances"],
        ),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)

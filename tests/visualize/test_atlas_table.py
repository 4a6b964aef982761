"""Maps as Parquet files, read by PyArrow."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import InteractiveMap
from elmokit.visualize.word_map import map_words

parquet = pytest.importorskip("pyarrow.parquet")


def test_each_word_is_a_row_that_knows_its_neighbors(embedder, sentences, tmp_path):
    text = [*sentences, ["", "\ud83d", "<b>"]]
    word_map = map_words(embedder, text, layer=1, method="pca", neighbors=True, color_by="word")
    save_figure(InteractiveMap(word_map), tmp_path / "map.parquet")
    table = parquet.read_table(tmp_path / "map.parquet").to_pydict()
    coordinates = word_map.layers[0].coordinates
    np.testing.assert_allclose(np.transpose([table["x"], table["y"]]), coordinates, rtol=1e-6)
    words = [occurrence.word for occurrence in word_map.occurrences]
    assert table["word"] == [word.replace("\ud83d", "?") for word in words]
    assert table["group"] == table["word"]
    assert set(table["layer"]) == {"LSTM layer 1"}
    assert table["sentence"][0] == sentences[0]
    assert (table["sentence_number"][6], table["position"][6]) == (2, 2)
    vectors = np.concatenate([embedder.embed([sentence], 1)[0] for sentence in text])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -2)
    for own, row in zip(table["neighbors"], cosines, strict=True):
        assert len(own["ids"]) == 8
        np.testing.assert_allclose(own["distances"], 1 - np.sort(row)[::-1][:8], atol=1e-5)
        np.testing.assert_allclose(own["distances"], 1 - row[own["ids"]], atol=1e-5)

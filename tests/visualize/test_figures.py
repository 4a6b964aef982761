"""Figures saved to files."""

from __future__ import annotations

import pytest

from elmokit.errors import ConfigError
from elmokit.visualize.figures import save_figure
from elmokit.visualize.plots import plot_occurrences
from elmokit.visualize.static_map import draw_static


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_map_gives_the_same_bytes(suffix, embedder, tmp_path, sentences):
    contents = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}{suffix}"
        save_figure(plot_occurrences(embedder, sentences, method="pca"), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_an_unknown_image_format_is_refused(embedder, tmp_path, random_map):
    with pytest.raises(
        ConfigError, match=r"map\.bmp: unknown image format '\.bmp': expected a name that ends in \.png"
    ):
        save_figure(draw_static(random_map(3)).figure, tmp_path / "map.bmp")

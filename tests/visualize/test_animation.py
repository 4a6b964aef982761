"""Animated maps, read by Pillow."""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image

from elmokit.visualize import animation
from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import InteractiveMap
from elmokit.visualize.word_map import map_words


def test_words_move_from_layer_to_layer(embedder, tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "_STEPS", 3)
    text = ["they vote right", "turn right now", "$x^2$ right", "right", "the right way", "all right then"]
    word_map = map_words(embedder, text, words=["right"], method="pca", every_layer=True)
    for name in ("one.gif", "two.gif", "map.webp"):
        save_figure(InteractiveMap(word_map), tmp_path / name)
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "two.gif").read_bytes()
    for name in ("one.gif", "map.webp"):
        with Image.open(tmp_path / name) as picture:
            assert picture.n_frames == 7  # the first layer, and three frames to each of the others
            assert picture.size == (640, 440)
            assert picture.info["loop"] == 0
            frames = []
            for number in range(picture.n_frames):
                picture.seek(number)
                frames.append(np.asarray(picture.convert("L"), int)[60:])  # below the titles
        # All words are one point at first; they part above.
        dark = [int((frame < 200).sum()) for frame in frames]
        assert dark[0] < 0.8 * dark[-1]
        assert all(np.abs(one - other).max() > 50 for one, other in itertools.pairwise(frames))

"""Animated maps, read by Pillow."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from elmokit.errors import MissingExtraError, OutputError
from elmokit.visualize import animation
from elmokit.visualize.figures import save_figure
from elmokit.visualize.interactive_map import InteractiveMap
from elmokit.visualize.video import ffmpeg, write_video
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
            # The first layer, three frames to each of the others, four in which labels appear.
            assert picture.n_frames == 1 + 2 * 3 + 4
            assert picture.size == (640, 440)
            assert picture.info["loop"] == 0
            frames = []
            for number in range(picture.n_frames):
                picture.seek(number)
                frames.append(np.asarray(picture.convert("L"), int)[60:400])  # between title and caption
        # All words are one point at first; they part above, and labels appear at the end.
        dark = [int((frame < 200).sum()) for frame in frames]
        assert dark[0] < 0.5 * dark[6] < 0.5 * dark[-1]
        assert all(np.abs(one - other).max() > 50 for one, other in itertools.pairwise(frames))


def test_videos_last_as_long_as_pictures(embedder, tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setattr(animation, "_STEPS", 2)
    word_map = map_words(
        embedder, ["right now", "the right"], words=["right"], method="pca", every_layer=True
    )
    for name in ("one.mp4", "two.mp4", "one.gif"):
        save_figure(InteractiveMap(word_map), tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    command = [
        ffmpeg(),
        "-v",
        "error",
        "-i",
        tmp_path / "one.mp4",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    pixels = subprocess.run(command, capture_output=True, check=True).stdout
    frames = np.frombuffer(pixels, np.uint8).reshape(-1, 440, 640, 3)
    with Image.open(tmp_path / "one.gif") as picture:
        milliseconds = 0
        for number in range(picture.n_frames):
            picture.seek(number)
            milliseconds += picture.info["duration"]
        last = np.asarray(picture.convert("RGB"), int)
    assert len(frames) == milliseconds / 50
    assert np.abs(frames[-1] - last).mean() < 2


def test_ffmpeg_that_fails_or_is_missing(tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    frame = Image.new("RGB", (641, 440))  # H.264 needs even numbers
    with pytest.raises(OutputError, match=r"a\.mp4: ffmpeg cannot write the video"):
        write_video([frame], [1], tmp_path / "a.mp4", 20)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtraError, match=r"an installed ffmpeg needs an optional .*video"):
        ffmpeg()

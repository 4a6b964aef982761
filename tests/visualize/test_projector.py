"""The files that TensorBoard's projector reads."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError
from elmokit.loading import load
from elmokit.visualize.layer_maps import map_layers
from elmokit.visualize.projector import ProjectorLog, write_projector

SENTENCES = ["the play was long", "", "children play the guitar", ["play"]]
NAMES = ("tokens (no context)", "lstm 1", "lstm 2", "average")
FILES = ("tokens-no-context", "lstm-1", "lstm-2", "average")


@pytest.fixture(scope="module")
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


def tensors(log: ProjectorLog) -> list[np.ndarray]:
    return [
        np.fromfile(log.directory / f"{name}.bytes", "<f4").reshape(log.num_points, log.dim) for name in FILES
    ]


def table(log: ProjectorLog) -> list[list[str]]:
    text = (log.directory / "metadata.tsv").read_bytes().decode()
    assert text.endswith("\n")
    header, *rows = [line.split("\t") for line in text[:-1].split("\n")]
    assert header[:5] == ["word", "sentence", "position", "frequency", "log10 frequency"]
    for row in rows:
        assert float(row[4].strip('"')) == pytest.approx(math.log10(int(row[3])), abs=5e-4)
    return [[*row[:4], *row[5:]] for row in rows]


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def expected(embedder, sentences) -> list[np.ndarray]:
    layers = np.concatenate(embedder.embed(sentences), axis=1)
    return [*layers, np.concatenate(embedder.embed(sentences, "average"))]


def test_every_word_in_every_layer(embedder, tmp_path):
    log = write_projector(embedder, SENTENCES, tmp_path / "logs")
    assert log == ProjectorLog(tmp_path / "logs" / "projector", NAMES, 9, 9, embedder.dim)
    for found, vectors in zip(tensors(log), expected(embedder, SENTENCES), strict=True):
        np.testing.assert_array_equal(found, vectors)
    long, guitar = SENTENCES[0], SENTENCES[2]
    assert table(log) == [
        ["the", long, "0", "2"],
        ["play", long, "1", "3"],
        ["was", long, "2", "1"],
        ["long", long, "3", "1"],
        ["children", guitar, "0", "1"],
        ["play", guitar, "1", "3"],
        ["the", guitar, "2", "2"],
        ["guitar", guitar, "3", "1"],
        ["play", "play", "0", "3"],
    ]


def test_only_some_words(embedder, tmp_path):
    calls = []
    log = write_projector(
        embedder, SENTENCES, tmp_path, words=["play", "guitar"], on_sentences=lambda *call: calls.append(call)
    )
    assert [(word, position, frequency) for word, _, position, frequency in table(log)] == [
        ("play", "1", "3"),
        ("play", "1", "3"),
        ("guitar", "3", "1"),
        ("play", "0", "3"),
    ]
    assert calls == [(1, 3), (2, 3), (3, 3)]
    for found, vectors in zip(tensors(log), expected(embedder, SENTENCES), strict=True):
        np.testing.assert_array_equal(found, vectors[[1, 5, 7, 8]])


def test_a_sample_keeps_the_order_and_depends_on_the_seed(embedder, tmp_path):
    sentences = [f"word{k} again" for k in range(40)]

    def run(seed: int, name: str) -> ProjectorLog:
        return write_projector(embedder, sentences, tmp_path / name, max_points=25, seed=seed)

    one, again, other = run(1, "one"), run(1, "again"), run(2, "other")
    assert (one.num_points, one.num_occurrences) == (25, 80)
    assert files(one.directory) == files(again.directory)
    assert table(one) != table(other)
    indices = [2 * int(sentence.split()[0][4:]) + int(position) for _, sentence, position, _ in table(one)]
    assert indices == sorted(set(indices))
    assert {row[3] for row in table(one)} == {"1", "40"}  # in the whole text
    for found, vectors in zip(tensors(one), expected(embedder, sentences), strict=True):
        np.testing.assert_array_equal(found, vectors[indices])


def test_layouts_are_bookmarks_with_colors(embedder, tmp_path):
    sentences = [f"{first} right {last}" for first in ("the", "a") for last in "abcdefgh"]
    log = write_projector(embedder, sentences, tmp_path, words=["right"], layouts=True, seed=1)
    assert all(len(row) == 5 for row in table(log))  # with the sense
    config = (log.directory / "projector_config.pbtxt").read_text()
    _, maps = map_layers(dict(zip(NAMES, tensors(log), strict=True)), "lstm 2", "tsne", seed=1)
    for name, file, layer in zip(NAMES, FILES, maps, strict=True):
        assert f'bookmarks_path: "{file}-bookmarks.json"' in config
        (view,) = json.loads((log.directory / f"{file}-bookmarks.json").read_text())
        assert layer.name == name
        assert view["selectedColorOptionName"] == "sense"
        assert view["dataSetDimensions"] == [16, embedder.dim]
        places = [(point["tsne-0"], point["tsne-1"]) for point in view["projections"]]
        np.testing.assert_allclose(places, 100 * layer.coordinates, atol=0.01)
    write_projector(embedder, sentences, tmp_path)  # replaces the bookmarks, too
    assert not list(log.directory.glob("*.json"))


NASTY = [
    *(
        "a\tb",
        "c\nd",
        "\r\n",
        "\0",
        "\x0b",
        "\x85",
        "\u2028",
        "\ud800",
        " ",
        "",
        "\ufeff",
        "'\"",
        "#",
        "<b>&amp;",
    ),
    *("$x_1$", "\\", "مرحبا", "日本語", "😀", "e\u0301", "x" * 10_000),
]


def test_any_token_is_one_row(embedder, tmp_path):
    log = write_projector(embedder, [NASTY], tmp_path)
    rows = table(log)
    assert len(rows) == len(NASTY) == log.num_points
    assert all(len(row) == 4 for row in rows)
    assert [row[2] for row in rows] == [str(k) for k in range(len(NASTY))]
    assert len({row[1] for row in rows}) == 1
    assert [row[0] for row in rows[:3]] == ["a\\tb", "c\\nd", "\\r\\n"]
    assert rows[-1][0] == "x" * 997 + "..."
    for found, vectors in zip(tensors(log), expected(embedder, [NASTY]), strict=True):
        np.testing.assert_array_equal(found, vectors)


def test_a_long_sentence_is_shown_around_the_word(embedder, tmp_path):
    words = [f"w{k}" for k in range(200)]
    rows = table(write_projector(embedder, [words], tmp_path))
    assert rows[0][1] == " ".join(words[:31]) + " ..."
    assert rows[100][1] == "... " + " ".join(words[70:131]) + " ..."
    assert rows[199][1] == "... " + " ".join(words[169:])


def test_one_point_is_not_enough_for_tensorboard(embedder, tmp_path):
    with pytest.raises(ElmokitError) as error:
        write_projector(embedder, SENTENCES, tmp_path, words=["guitar"])
    assert str(error.value) == (
        "found only one word, 'children play the [guitar]': TensorBoard's projector needs at least two"
    )
    assert write_projector(embedder, ["play play"], tmp_path).num_points == 2


def test_mistakes(embedder, tmp_path):
    for sentences, options, message in [
        (["", []], {}, "the text has no words"),
        (SENTENCES, {"words": ["plays"]}, "none of the words occurs in the text: plays"),
        ("play", {}, "expected a list of sentences, got the single string 'play'"),
    ]:
        with pytest.raises(ElmokitError, match=message):
            write_projector(embedder, sentences, tmp_path / "logs", **options)
    with pytest.raises(ConfigError, match="max_points: expected at least 2, got 1"):
        write_projector(embedder, SENTENCES, tmp_path / "logs", max_points=1)
    assert not (tmp_path / "logs").exists()


def test_vectors_that_are_not_finite(golden, tmp_path):
    pretrained = load(golden / "infer_models" / "no_clips")
    dim = pretrained.config.model.lstm.projection_dim
    damaged = ElmoEmbedder(pretrained, token_table={"guitar": torch.full((dim,), torch.nan)})
    with pytest.raises(ElmokitError) as error:
        write_projector(damaged, SENTENCES, tmp_path / "logs")
    assert str(error.value) == (
        "tokens (no context): the vector of 'guitar' in sentence 3 is not finite (and 8 more): "
        "check the weights of the model"
    )
    assert not (tmp_path / "logs").exists()


def test_old_names_still_work(tmp_path):
    log = ProjectorLog(tmp_path, NAMES, 2, 3, 4)
    with pytest.warns(DeprecationWarning, match="use num_occurrences"):
        assert log.num_uses == 3

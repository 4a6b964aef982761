from __future__ import annotations

from elmokit.config import Config
from elmokit.config.differences import list_differences


def test_nested_tables():
    mine = {"a": {"b": 1, "c": 2}, "d": None}
    theirs = {"a": {"b": 1, "c": 3}, "e": [1]}
    assert list_differences(mine, theirs) == ["a.c: 2, 3", "e: None, [1]"]
    assert list_differences(mine, mine) == []


def test_differences_name_the_settings():
    one, other = Config.load("tiny"), Config.load("tiny", ["batch_size=3", "cell_clip=null"])
    assert one.differences(other) == [
        "model.lstm.cell_clip: 3.0, None",
        f"training.batch_size: {one.training.batch_size}, 3",
    ]


def test_differences_of_a_section_that_one_lacks():
    differences = Config.load("tiny").differences(Config.load("tiny", ["char_cnn=null"]))
    assert {line.split(":")[0].rsplit(".", 1)[0] for line in differences} <= {"model", "model.char_cnn"}
    assert "model.char_cnn.num_highway: 1, None" in differences


def test_settings_that_may_change_when_a_run_is_resumed():
    one, other = Config.load("tiny"), Config.load("tiny", ["num_epochs=9", "patience=2", "device=cpu"])
    assert one.differences(other) == []


def test_model_differences_are_those_of_the_geometry():
    one, other = Config.load("tiny"), Config.load("tiny", ["batch_size=3", "cell_dim=9"])
    assert one.model_differences(other) == ["lstm.cell_dim: 256, 9"]

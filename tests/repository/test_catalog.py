from __future__ import annotations

import math
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.repository.catalog import published


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("original", ["cell_dim=4096", "projection_dim=512", "num_highway=2"]),
        ("medium", ["cell_dim=2048", "projection_dim=256", "num_highway=1"]),
        ("small", ["cell_dim=1024", "projection_dim=128", "num_highway=1"]),
    ],
)
def test_parameters_follow_from_the_geometry(name, overrides):
    (model,) = [model for model in published() if model.name == name]
    config = Config.load("original", overrides).model
    shapes = parameter_shapes(config, 1, with_softmax=False, source=Path("config"))
    assert model.num_parameters == sum(map(math.prod, shapes.values()))
    assert model.dim == 2 * config.lstm.projection_dim


def test_a_downloaded_model_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path))
    directory = tmp_path / "models" / "german"
    directory.mkdir(parents=True)
    (directory / "options.json").write_text("{}")
    assert not next(model for model in published() if model.name == "german").is_on_disk
    (directory / "weights.hdf5").write_bytes(bytes(2_500_000))
    german = next(model for model in published() if model.name == "german")
    assert (german.is_on_disk, german.megabytes) == (True, 2.5)

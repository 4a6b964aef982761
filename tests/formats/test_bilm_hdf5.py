"""Damaged ``weights.hdf5`` and ones of other models: every problem is reported, with its file and tensor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.errors import MissingModelError, ModelFileError, OutputError
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.loading import load
from elmokit.model.bilm import BiLM

CELL = "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell"


@pytest.fixture(scope="module")
def config() -> Config:
    geometry = ["embedding_dim=3", "filters=[[1, 4], [2, 5]]", "num_highway=1", "cell_dim=7"]
    return Config.load("tiny", [*geometry, "projection_dim=6", "num_layers=1"])


@pytest.fixture(scope="module")
def model(config) -> BiLM:
    model = BiLM(config.model, None)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def path(tmp_path, config, model) -> Path:
    path = tmp_path / "weights.hdf5"
    write_weights(path, config.model, model.state_dict())
    (tmp_path / "options.json").write_text(json.dumps(config.to_bilm_options()))
    return path


@pytest.fixture
def read(path) -> Callable[[], dict[str, torch.Tensor]]:
    return lambda: dict(load(path, options=path.with_name("options.json")).model.named_parameters())


def _message(read: Callable[[], object]) -> str:
    with pytest.raises(ModelFileError) as caught:
        read()
    return str(caught.value)


def test_round_trip(read, model):
    parameters = read()
    assert parameters.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(parameters[name], value), name


def test_half_and_double_precision_are_read(path, read):
    for dtype in (np.float16, np.float64):
        with h5py.File(path, "r+") as file:
            values = file["char_embed"][()]
            del file["char_embed"]
            file["char_embed"] = values.astype(dtype)
        read_back = read()["encoder.embedding"]
        assert read_back.dtype == torch.float32
        np.testing.assert_allclose(read_back, values, atol=1e-3)


def test_missing(path, read):
    with h5py.File(path, "r+") as file:
        del file["CNN_proj/W_proj"]
    assert _message(read) == f"{path}: does not match its options.json: CNN_proj/W_proj: missing"


@pytest.mark.parametrize("name", ["CNN_high_1/W_carry", CELL.replace("Cell0", "Cell1") + "/B", "CNN/W_cnn_2"])
def test_unexpected(name, path, read):
    with h5py.File(path, "r+") as file:
        file[name] = np.zeros(3, np.float32)
    assert _message(read) == f"{path}: does not match its options.json: {name}: unexpected"


def test_a_softmax_among_the_weights_is_ignored(path, read):
    with h5py.File(path, "r+") as file:
        file["softmax/W"] = np.zeros((3, 6), np.float32)
    assert read()


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("char_embed", (262, 3), "(261, 3)"),
        ("CNN/W_cnn_1", (1, 2, 3, 4), "(1, 2, 3, 5)"),
        ("CNN/W_cnn_1", (2, 3, 5), "(1, 2, 3, 5)"),
        (f"{CELL}/W_0", (28, 12), "(12, 28)"),
        (f"{CELL}/B", (), "(28,)"),
    ],
)
def test_wrong_shape(name, shape, expected, path, read):
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = np.zeros(shape, np.float32)
    assert (
        _message(read)
        == f"{path}: does not match its options.json: {name}: shape {shape}, expected {expected}"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value, path, read):
    with h5py.File(path, "r+") as file:
        file[f"{CELL}/W_P_0"][2, 3] = value
    assert (
        _message(read)
        == f"{path}: does not match its options.json: {CELL}/W_P_0: holds NaN or infinite values"
    )


def test_all_problems_at_once(path, read):
    with h5py.File(path, "r+") as file:
        del file["CNN/b_cnn_0"], file["char_embed"]
        file["char_embed"] = np.zeros((4, 4), np.float32)
        file["RNN_1/RNN/MultiRNNCell/Cell0/LSTMCell/B"][0] = np.nan
        file["RNN_2/more"] = np.zeros(1, np.float32)
    message = _message(read)
    assert message.startswith(f"{path}: does not match its options.json: ")
    for problem in (
        "CNN/b_cnn_0: missing",
        "char_embed: shape (4, 4), expected (261, 3)",
        "RNN_1/RNN/MultiRNNCell/Cell0/LSTMCell/B: holds NaN or infinite values",
        "RNN_2/more: unexpected",
    ):
        assert problem in message
    assert message.count("; ") == 3


@pytest.mark.parametrize("size", [0, 100, 3000, -1])
def test_truncated(size, path, read):
    content = path.read_bytes()
    path.write_bytes(content[:size])
    message = _message(read)
    assert message.startswith(f"{path}: cannot read the weights: damaged or not an HDF5 file (")
    assert "\n" not in message


def test_not_hdf5(path, read):
    path.write_text("version https://git-lfs.github.com/spec/v1\n" * 50)
    assert _message(read).startswith(f"{path}: cannot read the weights: damaged or not an HDF5 file (")


def test_no_such_file(path, read):
    path.unlink()
    with pytest.raises(MissingModelError, match=rf"^{re.escape(str(path))}: no such file"):
        read()


def test_text_in_a_tensor(path, read):
    with h5py.File(path, "r+") as file:
        del file["CNN_proj/b_proj"]
        file["CNN_proj/b_proj"] = np.array([b"x"] * 6)
    assert _message(read) == (
        f"{path}: does not match its options.json: CNN_proj/b_proj: cannot read (expected floating-point "
        "numbers, got |S1)"
    )


def test_writing_replaces_the_file_or_leaves_it(path, config, model, tmp_path):
    before = path.read_bytes()
    incomplete = model.state_dict()
    del incomplete["stacks.1.0.bias"]
    with pytest.raises(KeyError):
        write_weights(path, config.model, incomplete)
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["options.json", path.name]
    (tmp_path / "a-file").touch()
    with pytest.raises(OutputError, match="a-file"):
        write_weights(tmp_path / "a-file" / "weights.hdf5", config.model, model.state_dict())

"""Pickled tensors: nothing is executed, and every problem is reported."""

from __future__ import annotations

import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder

FILES = ("token_embedder.pkl", "encoder.pkl")
TYPES = "expected floating-point numbers of 16 bits or more"


def test_all_problems_of_tensors_at_once(model, load_error):
    tensors = torch.load(model / "encoder.pkl", weights_only=True)
    tensors["forward_layer_0.state_linearity.bias"][3] = torch.nan
    tensors["stranger"] = tensors.pop("backward_layer_1.state_projection.weight")
    tensors["forward_layer_1.input_linearity.weight"] = torch.zeros(2, 2)
    torch.save(tensors, model / "encoder.pkl")
    embedder = torch.load(model / "token_embedder.pkl", weights_only=True)
    embedder["projection.bias"] = 3
    torch.save(embedder, model / "token_embedder.pkl")
    assert load_error(model) == (
        f"{model}: does not match cnn_small.json and the lists: "
        "token_embedder.pkl: projection.bias: expected a tensor, got int; "
        "encoder.pkl: forward_layer_0.state_linearity.bias: holds NaN or infinite values; "
        "encoder.pkl: forward_layer_1.input_linearity.weight: shape (2, 2), expected (64, 8); "
        "encoder.pkl: backward_layer_1.state_projection.weight: missing; encoder.pkl: stranger: unexpected"
    )


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (
            torch.zeros(8, dtype=torch.int64),
            "torch.int64, expected floating-point numbers of 16 bits or more",
        ),
        (
            torch.zeros(8, dtype=torch.complex64),
            "torch.complex64, expected floating-point numbers of 16 bits or more",
        ),
        (torch.zeros(8).to_sparse(), "expected a dense tensor with values"),
        (torch.zeros(8, device="meta"), "expected a dense tensor with values"),
        (torch.zeros(1).expand(8), "fewer values than its shape needs"),
    ],
    ids=["integer", "complex", "sparse", "empty", "repeated"],
)
def test_tensors_of_another_kind(model, tensor, problem, load_error):
    tensors = torch.load(model / "token_embedder.pkl", weights_only=True)
    torch.save(tensors | {"projection.bias": tensor}, model / "token_embedder.pkl")
    assert load_error(model) == (
        f"{model}: does not match cnn_small.json and the lists: "
        f"token_embedder.pkl: projection.bias: {problem}"
    )


def test_half_precision_is_read(model):
    expected = ElmoEmbedder.load(model).embed([["The", "cat"]])[0]
    for name in FILES:
        tensors = torch.load(model / name, weights_only=True)
        torch.save({key: value.half() for key, value in tensors.items()}, model / name)
    actual = ElmoEmbedder.load(model).embed([["The", "cat"]])[0]
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=5e-3)


class _Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_nothing_is_unpickled(model, monkeypatch, load_error):
    monkeypatch.chdir(model)
    (model / "encoder.pkl").write_bytes(pickle.dumps(_Harmful()))
    reason = "encoder.pkl: damaged, or not a file of tensors (it contains something other than tensors)"
    assert load_error(model).endswith(reason)
    torch.save({"forward_layer_0": _Harmful()}, model / "encoder.pkl")
    assert load_error(model).endswith(reason)
    torch.save([torch.zeros(2)], model / "encoder.pkl")
    assert load_error(model).endswith("encoder.pkl: expected tensors by name, got list")
    assert not (model / "executed").exists()


@pytest.mark.parametrize("name", ["encoder.pkl", "token_embedder.pkl"])
def test_damage_is_named(model, name, load_error_or_none, load_error):
    content = (model / name).read_bytes()
    generator = random.Random(0)
    for _ in range(60):
        (model / name).write_bytes(content[: generator.randrange(len(content))])
        assert f"{name}: " in load_error(model)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(generator.choice([1, 1, 8])):
            damaged[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        (model / name).write_bytes(damaged)
        if (message := load_error_or_none(model)) is not None:
            assert f"{name}: " in message


def _large_key(num_doublings: int) -> bytes:
    """A dictionary whose key is a tuple of 2 to the power of so many parts, each of which is hashed."""
    pairs = (b"h" + bytes([k]) + b"\x86q" + bytes([k + 1]) for k in range(1, num_doublings + 1))
    return b"\x80\x02}" + b")q\1" + b"".join(pairs) + b"K\1s."


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_pickle_whose_key_would_be_hashed_for_ever(model, is_archive, load_error):
    path = model / "encoder.pkl"
    path.write_bytes(_large_key(100))
    if is_archive:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", _large_key(100))
    assert load_error(model) == (
        f"{path}: damaged, or not a file of tensors (a tuple of more than 10000 parts)"
    )


def test_files_of_earlier_versions_of_pytorch_are_read(model):
    expected = ElmoEmbedder.load(model).embed([["The", "cat"]])[0]
    for name in FILES:
        tensors = torch.load(model / name, weights_only=True)
        torch.save(tensors, model / name, _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(ElmoEmbedder.load(model).embed([["The", "cat"]])[0], expected)

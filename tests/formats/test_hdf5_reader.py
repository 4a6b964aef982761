"""HDF5 files of strangers: nothing outside of them is read, and none takes forever."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmokit import load
from elmokit.errors import ModelFileError
from elmokit.formats.hdf5_reader import open_datasets
from elmokit.formats.token_embeddings import read_token_table

SECRET = b"root:x:0:0:root:/root:/bin/bash\n" * 40


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file of the user, which no model may read."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def other(tmp_path) -> Path:
    """Another HDF5 file of the user."""
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["values"] = np.arange(8.0, dtype="f4").reshape(2, 4)
    return tmp_path / "other.hdf5"


def _external(file: h5py.File, name: str, shape: tuple[int, ...], secret: Path, other: Path) -> None:
    size = int(np.prod(shape)) * 4
    file.create_dataset(name, shape=shape, dtype="f4", external=[(str(secret), 0, size)])


def _virtual(file: h5py.File, name: str, shape: tuple[int, ...], secret: Path, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource(str(other), "values", shape=shape)
    file.create_virtual_dataset(name, layout)


def _linked(file: h5py.File, name: str, shape: tuple[int, ...], secret: Path, other: Path) -> None:
    file[name] = h5py.ExternalLink(str(other), "values")


def _unallocated(file: h5py.File, name: str, shape: tuple[int, ...], secret: Path, other: Path) -> None:
    file.create_dataset(name, shape=shape, dtype="f4", fillvalue=0.5)


def _partly_allocated(file: h5py.File, name: str, shape: tuple[int, ...], secret: Path, other: Path) -> None:
    dataset = file.create_dataset(name, shape=shape, dtype="f4", chunks=(1,) * len(shape), fillvalue=0.5)
    dataset[(0,) * len(shape)] = 1.0


STRANGE: dict[str, tuple[Callable[..., None], str]] = {
    "external": (_external, "its values are in another file ({secret}), which is not read"),
    "virtual": (_virtual, "a view of datasets in other files (virtual), which are not read"),
    "linked": (_linked, "{name}: a link into another file ({other}), which is not read"),
    "unallocated": (_unallocated, "never written, or only in part: the file holds 0 of {size} bytes"),
    "partly": (_partly_allocated, "never written, or only in part: the file holds 4 of {size} bytes"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_weights_that_are_not_in_their_file(model_directory, tmp_path, secret, other, kind, run_cli):
    directory = model_directory("characters")
    make, reason = STRANGE[kind]
    with h5py.File(directory / "weights.hdf5", "a") as file:
        shape = file["char_embed"].shape
        del file["char_embed"]
        make(file, "char_embed", shape, secret, other)
    expected = reason.format(secret=secret, other=other, name="char_embed", size=int(np.prod(shape)) * 4)
    with pytest.raises(ModelFileError) as error:
        load(directory)
    assert expected in str(error.value)
    assert str(directory / "weights.hdf5") in str(error.value)
    run_cli("convert", directory, tmp_path / "out", "--format", "elmokit")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", ["embedding", "words"])
def test_token_embeddings_that_are_not_in_their_file(tmp_path, secret, other, name, kind):
    path = tmp_path / "tokens.hdf5"
    make, reason = STRANGE[kind]
    with h5py.File(path, "w") as file:
        if name == "words":
            file["embedding"] = np.ones((2, 4), dtype="f4")
        shape = (2, 4) if name == "embedding" else (2,)
        make(file, name, shape, secret, other)
    with pytest.raises(ModelFileError) as error:
        read_token_table(path, ["one", "two"])
    size = int(np.prod(shape)) * 4
    assert reason.format(secret=secret, other=other, name=name, size=size) in str(error.value)


def test_a_softmax_in_another_file(model_directory, secret, other):
    directory = model_directory("characters")
    with h5py.File(directory / "softmax_weights.hdf5", "w") as file:
        _external(file, "softmax/b", (9,), secret, other)
        file["softmax/W"] = np.ones((9, 16), dtype="f4")
    with pytest.raises(ModelFileError, match=r"softmax/b: .*its values are in another file"):
        load(directory)


def test_what_a_model_does_not_use_may_be_anywhere_in_its_file(model_directory):
    """A second name for a group, an empty dataset and one in chunks are as good as plain ones."""
    directory = model_directory("characters")
    expected = dict(load(directory).model.named_parameters())
    with h5py.File(directory / "weights.hdf5", "a") as file:
        values = file["char_embed"][()]
        del file["char_embed"]
        file.create_dataset("char_embed", data=values, chunks=(7, 2), compression="gzip", fletcher32=True)
        file["again"] = file["RNN_0"]
        file["RNN_0/itself"] = file["RNN_0"]
        file["soft"] = h5py.SoftLink("/char_embed")
        file.create_dataset("empty", shape=(0, 3), dtype="f4")
    for name, value in load(directory).model.named_parameters():
        assert value.equal(expected[name])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize(
    "name", ["weights.hdf5", "options.json", "vocab.txt", "softmax_weights.hdf5", "settings.json"]
)
def test_a_pipe_does_not_wait_forever(model_directory, does_not_wait_for_pipe, name):
    """The file of a model may be a pipe in an unpacked archive; nobody will ever write into it."""
    directory = model_directory("characters")
    assert does_not_wait_for_pipe(directory, name)


@pytest.mark.parametrize(
    ("depth", "reason"), [(2_000, "groups nested more than 16 deep"), (1, "more than 10,000 groups")]
)
def test_a_file_of_groups_is_refused_at_once(tmp_path, depth, reason):
    path = tmp_path / "weights.hdf5"
    with h5py.File(path, "w", libver="latest") as file:
        if depth > 1:
            group: h5py.Group = file
            for _ in range(depth):
                group = group.create_group("RNN")
        else:
            for k in range(10_001):
                file.create_group(f"RNN{k}")
    (tmp_path / "options.json").write_text(json.dumps({"lstm": {"dim": 4, "projection_dim": 4}}))
    start = time.monotonic()
    with pytest.raises(ModelFileError, match=reason), open_datasets(path):
        pass
    assert time.monotonic() - start < 10

from __future__ import annotations

import sys

import h5py
import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.formats.parquet_vectors import read_parquet_vectors
from elmokit.kernels.library import is_available

pytestmark = pytest.mark.usefixtures("work")

LINES = ["a0 b1 unseen", "", "naïve", "a0"]


@pytest.fixture(autouse=True)
def lines(work):
    (work / "in.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")


def vectors(name: str = "out.hdf5") -> dict[str, np.ndarray]:
    with h5py.File(name) as file:
        return {key: file[key][()] for key in file}


def test_one_dataset_per_line(run_cli, work):
    result = run_cli("embed", "model", "in.txt", "out.hdf5")
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == "out.hdf5: 4 lines, each (3, tokens, 8)\n"
    found = vectors()
    assert {key: value.shape for key, value in found.items()} == {
        "0": (3, 3, 8),
        "1": (3, 0, 8),
        "2": (3, 1, 8),
        "3": (3, 1, 8),
    }
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}
    expected = ElmoEmbedder.load("model").embed(LINES)
    assert all(np.array_equal(found[str(k)], value) for k, value in enumerate(expected))


@pytest.mark.parametrize("layers", ["top", "average", "0", "1", "2"])
def test_layers(run_cli, work, layers):
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--layers", layers)
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == "out.hdf5: 4 lines, each (tokens, 8)\n"
    whole = ElmoEmbedder.load("model").embed(LINES)[0]
    expected = {"top": whole[2], "average": whole.mean(axis=0)}
    assert np.array_equal(vectors()["0"], expected.get(layers, whole[int(layers) if layers.isdigit() else 0]))


def test_the_batch_size_changes_nothing(run_cli, work):
    run_cli("embed", "model", "heldout.txt", "one.hdf5", "--batch-size", 1)
    run_cli("embed", "model", "heldout.txt", "many.hdf5", "--batch_size", 7)
    one, many = vectors("one.hdf5"), vectors("many.hdf5")
    assert one.keys() == many.keys()
    assert all(np.array_equal(one[key], many[key]) for key in one)


def test_an_existing_output_is_replaced_whole(run_cli, work):
    (work / "longer.txt").write_text("a\n" * 9)
    assert run_cli("embed", "model", "longer.txt", "out.hdf5").exit_code == 0
    assert len(vectors()) == 9
    assert run_cli("embed", "model", "in.txt", "out.hdf5").exit_code == 0
    assert len(vectors()) == 4
    assert not list(work.glob(".*partial"))


def test_the_text_is_not_overwritten(run_cli, work):
    before = (work / "in.txt").read_bytes()
    result = run_cli("embed", "model", "in.txt", "./in.txt")
    assert result.exit_code == 2
    assert (work / "in.txt").read_bytes() == before


@pytest.mark.parametrize("layers", ["3", "-4", "99"])
def test_a_layer_that_does_not_exist(run_cli, work, layers):
    (work / "out.hdf5").write_text("old")
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--layers", layers)
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert line == f"elmokit: layers: expected all, top, average or 0 to 2, got {layers}"
    assert (work / "out.hdf5").read_text() == "old"
    assert not list(work.glob(".*partial"))


def test_a_layer_that_is_not_a_number(run_cli, work):
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--layers", "best")
    assert result.exit_code == 2
    assert "'best': expected all, top, average or the number of a layer" in result.err


def test_more_than_one_text(run_cli, work):
    result = run_cli("embed", "model", "*.txt", "out.hdf5")
    assert result.exit_code == 2
    assert "*.txt: matches 4 files, expected one" in result.err.replace("\n", " ")


def test_parquet(run_cli, work):
    pytest.importorskip("pyarrow")
    result = run_cli("embed", "model", "in.txt", "out.parquet", "--layers", "top", "--dtype", "int8")
    assert (result.exit_code, result.err) == (0, "")
    first, second = result.out.splitlines()
    assert first == "out.parquet: 4 lines, each (tokens, 8)"
    assert second.startswith("stored as int8: no value is off by more than 0.")
    rows = list(read_parquet_vectors("out.parquet"))
    assert [(number, tokens) for number, tokens, _ in rows] == [
        (k, line.split()) for k, line in enumerate(LINES)
    ]
    for (_, _, vectors), expected in zip(rows, ElmoEmbedder.load("model").embed(LINES, "top"), strict=True):
        np.testing.assert_allclose(vectors, expected, atol=0.01 * np.abs(expected).max(initial=0))


def test_half_precision_in_hdf5(run_cli, work):
    assert run_cli("embed", "model", "in.txt", "out.hdf5", "--dtype", "float16").exit_code == 0
    expected = ElmoEmbedder.load("model").embed(LINES)
    assert np.array_equal(vectors()["0"], expected[0].astype(np.float16))


def test_int8_needs_parquet(run_cli, work):
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--dtype", "int8")
    assert result.exit_code == 2
    assert "choose a name that ends in .parquet, or float16" in result.err


def test_parquet_without_pyarrow(run_cli, work, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run_cli("embed", "model", "in.txt", "out.parquet")
    assert result.exit_code == 2
    assert "writing Parquet files needs an optional package" in result.err
    assert "[parquet]'" in result.err


@pytest.mark.slow
def test_several_processes_give_the_same_files(run_cli, work):
    pytest.importorskip("pyarrow")
    (work / "long.txt").write_text("\n".join((work / "train.txt").read_text().splitlines() * 4))
    for name in ("one", "two"):
        arguments = ("embed", "model", "long.txt", f"{name}.parquet", "--batch-size", 2)
        assert run_cli(*arguments, "--num-processes", 1 + (name == "two")).exit_code == 0
    one, two = (
        {path.name: path.read_bytes() for path in (work / f"{name}.parquet").iterdir()}
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.skipif(not is_available("int8"), reason="the processor has no products of 8-bit integers")
def test_the_precision(run_cli, work):
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--precision", "int8")
    assert (result.exit_code, result.err) == (0, "")
    expected = ElmoEmbedder.load("model", precision="int8").embed(LINES)
    assert all(np.array_equal(vectors()[str(k)], value) for k, value in enumerate(expected))


def test_a_precision_that_is_not_there(run_cli, work, monkeypatch):
    monkeypatch.setattr("elmokit.model.products.is_available", lambda precision: False)
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--precision", "int8", "--device", "cpu")
    assert result.exit_code == 2
    assert "precision=int8: needs the compiled kernels and a processor with AVX2" in result.err
    assert not (work / "out.hdf5").exists()

"""Directories of Parquet files with sentence vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from elmokit.errors import ModelFileError, OutputError
from elmokit.formats import parquet_part
from elmokit.formats.parquet_part import VectorLayout
from elmokit.formats.parquet_vectors import MANIFEST, read_parquet_vectors, write_parquet_vectors
from elmokit.formats.sentence_vectors import write_sentence_vectors

pytest.importorskip("pyarrow")

DIM = 32
LINES = [["naïve", "cat"], [], ["我"], ["a", "b", "c"], ["cat"] * 5]


def make_rows(num_layers: int = 1):
    rng = np.random.default_rng(0)
    shape = (num_layers,) if num_layers > 1 else ()
    return [
        (number, tokens, rng.normal(size=(*shape, len(tokens), DIM)).astype(np.float32))
        for number, tokens in enumerate(LINES)
    ]


def layout(dtype="float32", layers="top", num_layers=1) -> VectorLayout:
    return VectorLayout(layers, num_layers, DIM, dtype, "fingerprint")


@pytest.mark.parametrize(("layers", "num_layers"), [("top", 1), ("all", 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0), ("float16", 2**-11), ("int8", 1 / 254)])
def test_what_is_written_is_read(tmp_path, layers, num_layers, dtype, tolerance):
    rows = make_rows(num_layers)
    manifest = write_parquet_vectors(tmp_path / "v.parquet", rows, layout(dtype, layers, num_layers))
    found = list(read_parquet_vectors(tmp_path / "v.parquet"))
    assert [row[:2] for row in found] == [row[:2] for row in rows]
    largest = 0.0
    for (_, _, vectors), (_, _, expected) in zip(found, rows, strict=True):
        assert vectors.dtype == np.float32
        assert vectors.shape == expected.shape
        bound = tolerance * np.abs(expected).max(axis=-1, keepdims=True, initial=0) + 1e-7
        assert (np.abs(vectors - expected) <= bound).all()
        largest = max(largest, float(np.abs(vectors - expected).max(initial=0)))
    assert manifest["num_rows"] == len(LINES)
    assert manifest["largest_deviation"] == pytest.approx(largest)
    assert (manifest["relative_deviation"] == 0) == (dtype == "float32")


def test_files_and_row_groups_have_bounded_sizes_and_the_manifest_lists_them(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(parquet_part, "_GROUP_BYTES", 4 * DIM)
    directory = tmp_path / "v.parquet"
    manifest = write_parquet_vectors(directory, make_rows(), layout(), file_bytes=3 * 4 * DIM)
    assert [(file["first_id"], file["num_rows"]) for file in manifest["files"]] == [(0, 3), (3, 1), (4, 1)]
    assert json.loads((directory / MANIFEST).read_text()) == manifest
    assert sorted(path.name for path in directory.glob("[!_]*")) == [f["name"] for f in manifest["files"]]
    assert parquet.ParquetFile(directory / "part-00000.parquet").metadata.num_row_groups == 2
    assert [row[0] for row in read_parquet_vectors(directory)] == [0, 1, 2, 3, 4]
    full = write_parquet_vectors(tmp_path / "full.parquet", make_rows()[:3], layout(), file_bytes=3 * 4 * DIM)
    assert [file["num_rows"] for file in full["files"]] == [3]  # no empty file at the end
    empty = write_parquet_vectors(tmp_path / "empty.parquet", [], layout())
    assert empty["num_rows"] == 0
    assert list(read_parquet_vectors(tmp_path / "empty.parquet")) == []


def test_int8_of_one_layer_takes_an_eighth_of_float32_hdf5(tmp_path):
    rng = np.random.default_rng(0)
    rows = [(k, ["w"] * 9, rng.normal(size=(3, 9, 256)).astype(np.float32)) for k in range(100)]
    write_sentence_vectors(tmp_path / "v.hdf5", ((str(k), vectors) for k, _, vectors in rows))
    one_layer = ((k, tokens, vectors[2]) for k, tokens, vectors in rows)
    small = VectorLayout("top", 1, 256, "int8", "fingerprint")
    manifest = write_parquet_vectors(tmp_path / "v.parquet", one_layer, small)
    num_bytes = sum(path.stat().st_size for path in (tmp_path / "v.parquet").iterdir())
    assert num_bytes <= (tmp_path / "v.hdf5").stat().st_size / 8
    assert manifest["relative_deviation"] < 0.01


def test_open_with_pyarrow(tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = make_rows()
    write_parquet_vectors(tmp_path / "v.parquet", rows, layout("float16"), file_bytes=1)
    table = dataset.dataset(tmp_path / "v.parquet").to_table()  # the manifest is passed over
    assert table["id"].to_pylist() == [0, 1, 2, 3, 4]
    assert table["tokens"].to_pylist() == LINES
    vectors = np.frombuffer(table["vectors"][3].as_py(), np.float16).reshape(-1, DIM)
    np.testing.assert_array_equal(vectors, rows[3][2].astype(np.float16))
    metadata = json.loads(table.schema.metadata[b"elmokit"])
    assert (metadata["dim"], metadata["dtype"], metadata["model"]) == (DIM, "float16", "fingerprint")


def test_open_with_polars(tmp_path):
    polars = pytest.importorskip("polars")
    rows = make_rows()
    write_parquet_vectors(tmp_path / "v.parquet", rows, layout("int8"), file_bytes=1)
    table = polars.read_parquet(tmp_path / "v.parquet" / "*.parquet")
    assert table["tokens"].to_list() == LINES
    values = np.frombuffer(table["vectors"][4], np.int8).reshape(-1, DIM)
    scales = np.frombuffer(table["vectors_scale"][4], np.float32)[:, None]
    np.testing.assert_allclose(values * scales, rows[4][2], atol=0.03)


@pytest.mark.slow  # importing it takes seconds
@pytest.mark.filterwarnings("ignore")
def test_open_with_datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    rows = make_rows()
    write_parquet_vectors(tmp_path / "v.parquet", rows, layout(), file_bytes=1)
    files = str(tmp_path / "v.parquet" / "*.parquet")
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "c"))
    assert table["tokens"][:] == LINES
    np.testing.assert_array_equal(np.frombuffer(table[3]["vectors"], np.float32).reshape(-1, DIM), rows[3][2])


def test_a_damaged_or_missing_file_is_named(tmp_path):
    directory = tmp_path / "v.parquet"
    write_parquet_vectors(directory, make_rows(), layout(), file_bytes=1)
    second = directory / "part-00001.parquet"
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"part-00001.parquet: damaged \(wrong checksum\)"):
        list(read_parquet_vectors(directory))
    second.unlink()
    with pytest.raises(ModelFileError, match=r"part-00001.parquet: missing"):
        list(read_parquet_vectors(directory))


def test_only_earlier_vectors_are_replaced(tmp_path):
    directory = tmp_path / "v.parquet"
    write_parquet_vectors(directory, make_rows(), layout(), file_bytes=1)
    write_parquet_vectors(directory, make_rows()[:1], layout())
    assert sorted(path.name for path in directory.iterdir()) == [MANIFEST, "part-00000.parquet"]
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"contains notes.txt, which would be deleted"):
        write_parquet_vectors(directory, make_rows(), layout())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.parquet").write_text("mine")
    with pytest.raises(OutputError, match="not a directory of vectors"):
        write_parquet_vectors(tmp_path / "other", make_rows(), layout())
    (tmp_path / "file.parquet").write_text("mine")
    with pytest.raises(OutputError, match="are a directory of files"):
        write_parquet_vectors(tmp_path / "file.parquet", make_rows(), layout())


def test_nothing_is_left_behind_by_an_error(tmp_path):
    def rows():
        yield from make_rows()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_parquet_vectors(tmp_path / "v.parquet", rows(), layout(), file_bytes=1)
    assert list(tmp_path.iterdir()) == []

"""HDF5 files of sentence vectors."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from elmokit.errors import OutputError
from elmokit.formats.sentence_vectors import write_sentence_vectors


def test_datasets_are_written_as_they_come(tmp_path):
    path = tmp_path / "new" / "vectors.hdf5"

    def datasets():
        for number in range(5):
            assert not path.exists()
            yield str(number), np.full((2, number), number, dtype=np.float32)

    assert write_sentence_vectors(path, datasets()) == 5
    with h5py.File(path) as file:
        assert sorted(file) == ["0", "1", "2", "3", "4"]
        assert file["0"].shape == (2, 0)
        assert file["3"].dtype == np.float32
        np.testing.assert_array_equal(file["3"][()], 3)


def test_nothing_is_left_behind_by_an_error(tmp_path):
    def datasets():
        yield "0", np.zeros(3)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_sentence_vectors(tmp_path / "vectors.hdf5", datasets())
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_not_overwritten(tmp_path):
    with pytest.raises(OutputError, match="is a directory"):
        write_sentence_vectors(tmp_path, [])

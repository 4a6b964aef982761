"""HDF5 files of sentence vectors, one dataset per sentence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from elmokit.files.atomic import new_file
from elmokit.formats.hdf5_kinds import SENTENCE_VECTORS
from elmokit.formats.hdf5_writer import Hdf5Writer


def write_sentence_vectors(path: Path, datasets: Iterable[tuple[str, np.ndarray]]) -> int:
    """Write datasets as they are computed.

    Args:
        path: the HDF5 file, which appears once it is complete.
        datasets: key and values of each dataset.

    Returns:
        The number of datasets.

    Raises:
        OutputError: if the file cannot be written, or a file of another kind is there.
    """
    num_datasets = 0
    with new_file(path, SENTENCE_VECTORS) as temporary, Hdf5Writer(temporary) as file:
        for key, values in datasets:
            file.write(key, values)
            num_datasets += 1
    return num_datasets

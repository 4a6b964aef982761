"""The tensors of bilm-tf's ``weights.hdf5``, which every ELMo tool reads.

The file holds the character encoder or word embeddings and the LSTMs. ``char_embed`` has 261 rows: readers
insert the row of zeros for the mask before it. The original never dumps the softmax; AllenNLP published
it in a second file, as ``softmax/W`` (V, P) and ``softmax/b`` (V,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from elmokit.config import ModelConfig
from elmokit.errors import ModelFileError
from elmokit.files.atomic import new_file
from elmokit.formats.bilm_names import SOFTMAX_NAMES, dataset_names, stored_shape
from elmokit.formats.hdf5_kinds import WEIGHTS
from elmokit.formats.hdf5_reader import HDF5_ERRORS, first_line, list_names, open_datasets, read_floats
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.formats.stored import Layout


def write_weights(path: Path, config: ModelConfig, parameters: Mapping[str, Tensor]) -> None:
    """Write the parameters of a biLM without its softmax.

    Args:
        path: the HDF5 file.
        config: the geometry.
        parameters: by name, as in the model's ``state_dict``.

    Raises:
        OutputError: when the file cannot be written.
    """
    with new_file(path, WEIGHTS) as temporary:
        fill_weights(temporary, config, parameters)


def fill_weights(path: Path, config: ModelConfig, parameters: Mapping[str, Tensor]) -> None:
    """Write the parameters of a biLM into a file under its temporary name."""
    with Hdf5Writer(path) as file:
        for ours, theirs in dataset_names(config).items():
            values = parameters[ours].detach().to("cpu", torch.float32)
            file.write(theirs, values.reshape(stored_shape(ours, tuple(values.shape))).numpy())


def fill_softmax(path: Path, weight: Tensor, bias: Tensor) -> None:
    """Write a softmax (V, P) and (V,), as AllenNLP published it, into a file under its temporary name."""
    with Hdf5Writer(path) as file:
        for name, values in zip(SOFTMAX_NAMES.values(), (weight, bias), strict=True):
            file.write(name, values.detach().to("cpu", torch.float32).numpy())


def read_tensors(
    path: Path, layout: Layout, *, is_weight: Callable[[str], bool], prefix: str = ""
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a layout from an HDF5 file; values whose shape does not match are not read.

    Args:
        path: the HDF5 file.
        layout: what the file should hold.
        is_weight: which datasets are expected to be in the layout; others may be there as well.
        prefix: put before the name of each dataset to get its name in the layout.

    Returns:
        The tensors, float32, by their names in the layout, and why others were not read.

    Raises:
        ModelFileError: when the file cannot be opened.
    """
    tensors: dict[str, Tensor] = {}
    unread: dict[str, str] = {}
    with open_datasets(path) as datasets:
        for dataset_name, dataset in sorted(datasets.items()):
            name = f"{prefix}{dataset_name}"
            if name not in layout.shapes and not is_weight(dataset_name):
                continue
            if problem := layout.problem(name, dataset.shape or ()):
                unread[name] = problem
                continue
            try:
                tensors[name] = torch.from_numpy(read_floats(dataset))
            except HDF5_ERRORS as error:
                unread[name] = f"cannot read ({first_line(error)})"
    return tensors, unread


def content_of(path: Path) -> Literal["weights", "softmax", "other", "unknown"]:
    """Return what an HDF5 file contains, judging by the names in it; unknown when it cannot be read."""
    try:
        names = list_names(path)
    except HDF5_ERRORS:
        return "unknown"
    if any(name.startswith(("RNN", "rnn", "CNN")) for name in names):
        return "weights"
    return "softmax" if "softmax" in names else "other"


def softmax_size(path: Path) -> int:
    """Return the number of words V that a softmax file predicts.

    Raises:
        ModelFileError: when the file is unreadable or has no ``softmax/b`` (V,).
    """
    with open_datasets(path) as datasets:
        bias = datasets.get("softmax/b")
        shape = None if bias is None else bias.shape
    if shape is None or len(shape) != 1 or shape[0] < 1:
        raise ModelFileError(
            f"{path}: softmax/b: {'missing' if shape is None else f'shape {shape}'}, "
            "expected one number per word"
        )
    return int(shape[0])

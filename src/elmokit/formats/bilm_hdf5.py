"""The ``weights.hdf5`` of bilm-tf, which every ELMo tool reads.

Stored are the character encoder or word embeddings and the LSTMs. ``char_embed`` has 261 rows: readers
put the row of zeros for the mask before it. The original never dumps the softmax; AllenNLP published
it in a second file, as ``softmax/W`` (V, P) and ``softmax/b`` (V,).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import h5py
import torch
from torch import Tensor

from elmokit.config import ModelConfig
from elmokit.errors import ModelFileError
from elmokit.files.atomic import new_file
from elmokit.formats.hdf5_reader import HDF5_ERRORS, read_floats
from elmokit.formats.hdf5_writer import Hdf5Writer
from elmokit.model.softmax import Softmax
from elmokit.model.values import fault_of_values

_SOFTMAX_NAMES = {"softmax.weight": "softmax/W", "softmax.bias": "softmax/b"}


def dataset_names(config: ModelConfig) -> dict[str, str]:
    """The dataset in which the original keeps each parameter: our name → its name.

    A single direction is named as the original's training graph names it, without a number and
    without the ``W_0`` and ``B`` of the two-directional dumps.
    """
    names: dict[str, str] = {}
    if config.char_cnn is None:
        names["encoder.weight"] = "embedding"
    else:
        names["encoder.embedding"] = "char_embed"
        for k in range(len(config.char_cnn.filters)):
            names[f"encoder.kernels.{k}"] = f"CNN/W_cnn_{k}"
            names[f"encoder.biases.{k}"] = f"CNN/b_cnn_{k}"
        for k in range(config.char_cnn.num_highway):
            for part in ("carry", "transform"):
                names[f"encoder.highways.{k}.{part}"] = f"CNN_high_{k}/W_{part}"
                names[f"encoder.highways.{k}.{part}_bias"] = f"CNN_high_{k}/b_{part}"
        if config.char_cnn.num_filters != config.lstm.projection_dim:
            names["encoder.projection"] = "CNN_proj/W_proj"
            names["encoder.projection_bias"] = "CNN_proj/b_proj"
    has_projection = config.lstm.cell_dim != config.lstm.projection_dim
    for direction in range(config.num_directions):
        for k in range(config.lstm.num_layers):
            if config.bidirectional:
                cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{k}/LSTMCell"
                kernel, bias, projection = "W_0", "B", "W_P_0"
            else:
                cell = "rnn/LSTMCell" if config.lstm.num_layers == 1 else f"rnn/MultiRNNCell/Cell{k}/LSTMCell"
                kernel, bias, projection = "kernel", "bias", "projection/kernel"
            layer = f"stacks.{direction}.{k}"
            names[f"{layer}.kernel"] = f"{cell}/{kernel}"
            names[f"{layer}.bias"] = f"{cell}/{bias}"
            if has_projection:
                names[f"{layer}.projection"] = f"{cell}/{projection}"
    return names


def write_weights(path: Path, config: ModelConfig, parameters: Mapping[str, Tensor]) -> None:
    """Write a biLM's parameters, named as in its ``state_dict``; the softmax is left out."""
    with new_file(path) as temporary, Hdf5Writer(temporary) as file:
        for ours, theirs in dataset_names(config).items():
            values = parameters[ours].detach().to("cpu", torch.float32).numpy()
            file.write(theirs, values[None] if ours.startswith("encoder.kernels.") else values)


def read_weights(
    path: Path, config: ModelConfig, expected_shapes: Mapping[str, torch.Size]
) -> dict[str, Tensor]:
    """Read the parameters of a biLM.

    Args:
        path: an HDF5 file.
        config: the geometry, from the ``options.json`` beside it.
        expected_shapes: of the parameters to be read, by our names; others are not asked for.

    Raises:
        ModelFileError: when the file is unreadable, or tensors are missing, unexpected, of another
            shape or not finite; all of them are named at once.
    """
    names = dataset_names(config)
    with _datasets(path) as stored:
        parameters, faults = _read(stored, names, expected_shapes)
        known = set(names.values())
        # Layers that the options do not speak of; anything else in the file is not ours to judge.
        faults += [f"{name}: unexpected" for name in sorted(stored) if name not in known and _is_weight(name)]
    if faults:
        raise ModelFileError(f"{path}: does not fit its options.json: " + "; ".join(faults))
    return parameters


def write_softmax(path: Path, softmax: Softmax) -> None:
    """Write the softmax as AllenNLP published it."""
    with new_file(path) as temporary, Hdf5Writer(temporary) as file:
        for ours, theirs in _SOFTMAX_NAMES.items():
            values: Tensor = getattr(softmax, ours.removeprefix("softmax."))
            file.write(theirs, values.detach().to("cpu", torch.float32).numpy())


def content_of(path: Path) -> Literal["weights", "softmax", "other", "unknown"]:
    """What an HDF5 file is for, by the names in it; unknown where it cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            if any(name.startswith(("RNN", "rnn", "CNN")) for name in file):
                return "weights"
            return "softmax" if "softmax" in file else "other"
    except HDF5_ERRORS:
        return "unknown"


def softmax_size(path: Path) -> int:
    """The number of words V that a softmax file predicts.

    Raises:
        ModelFileError: when the file is unreadable or has no ``softmax/b``.
    """
    with _datasets(path) as stored:
        bias = stored.get("softmax/b")
        shape = None if bias is None else bias.shape
    if shape is None or len(shape) != 1 or shape[0] < 1:
        raise ModelFileError(
            f"{path}: softmax/b: {'missing' if shape is None else f'shape {shape}'}, "
            "expected a bias for each word"
        )
    return int(shape[0])


def read_softmax(path: Path, config: ModelConfig, num_words: int) -> dict[str, Tensor]:
    """Read ``softmax.weight`` and ``softmax.bias``.

    Raises:
        ModelFileError: as :func:`read_weights`.
    """
    shapes = {
        "softmax.weight": torch.Size((num_words, config.lstm.projection_dim)),
        "softmax.bias": torch.Size((num_words,)),
    }
    with _datasets(path) as stored:
        parameters, faults = _read(stored, _SOFTMAX_NAMES, shapes)
    if faults:
        raise ModelFileError(f"{path}: does not fit the model: " + "; ".join(faults))
    return parameters


@contextmanager
def _datasets(path: Path) -> Iterator[dict[str, h5py.Dataset]]:
    """All datasets of a file by their full names; whatever goes wrong is the file's fault."""
    try:
        with h5py.File(path, "r") as file:
            stored: dict[str, h5py.Dataset] = {}
            file.visititems(
                lambda name, item: stored.update({name: item}) if isinstance(item, h5py.Dataset) else None
            )
            yield stored
    except HDF5_ERRORS as error:
        raise ModelFileError(
            f"{path}: cannot read the weights: damaged or not an HDF5 file ({_first_line(error)})"
        ) from None


def _read(
    stored: Mapping[str, h5py.Dataset], names: Mapping[str, str], shapes: Mapping[str, torch.Size]
) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by our names, and what is wrong with them."""
    parameters: dict[str, Tensor] = {}
    faults: list[str] = []
    for ours, theirs in names.items():
        if theirs not in stored:
            faults.append(f"{theirs}: missing")
            continue
        shape = tuple(shapes[ours])
        stored_shape = (1, *shape) if ours.startswith("encoder.kernels.") else shape
        if stored[theirs].shape != stored_shape:
            faults.append(f"{theirs}: shape {stored[theirs].shape}, expected {stored_shape}")
            continue
        values = torch.from_numpy(read_floats(stored[theirs]).reshape(shape))
        if fault := fault_of_values(values):
            faults.append(f"{theirs}: {fault}")
        parameters[ours] = values
    return parameters, faults


def _is_weight(name: str) -> bool:
    return name.startswith(("CNN", "RNN_", "rnn/")) or name in ("char_embed", "embedding")


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]

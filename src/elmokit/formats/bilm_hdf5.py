"""The ``weights.hdf5`` of bilm-tf, which every ELMo tool reads.

Stored are the character encoder or word embeddings and the LSTMs; the original never dumps the
softmax. ``char_embed`` has 261 rows: readers put the row of zeros for the mask before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from elmokit.atomic import new_file
from elmokit.config import ModelConfig
from elmokit.errors import ModelFileError
from elmokit.formats.hdf5_writer import Hdf5Writer


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
    faults: list[str] = []
    parameters: dict[str, Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            stored: dict[str, h5py.Dataset] = {}
            file.visititems(
                lambda name, item: stored.update({name: item}) if isinstance(item, h5py.Dataset) else None
            )
            for ours, theirs in names.items():
                if theirs not in stored:
                    faults.append(f"{theirs}: missing")
                    continue
                shape = tuple(expected_shapes[ours])
                stored_shape = (1, *shape) if ours.startswith("encoder.kernels.") else shape
                if stored[theirs].shape != stored_shape:
                    faults.append(f"{theirs}: shape {stored[theirs].shape}, expected {stored_shape}")
                    continue
                values = np.asarray(stored[theirs][()], dtype=np.float32).reshape(shape)
                if not np.isfinite(values).all():
                    faults.append(f"{theirs}: holds NaN or infinite values")
                parameters[ours] = torch.from_numpy(values)
            known = set(names.values())
            # Layers that the options do not speak of; anything else in the file is not ours to judge.
            faults += [
                f"{name}: unexpected" for name in sorted(stored) if name not in known and _is_weight(name)
            ]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path}: cannot read the weights: damaged or not an HDF5 file ({_first_line(error)})"
        ) from None
    if faults:
        raise ModelFileError(f"{path}: does not fit its options.json: " + "; ".join(faults))
    return parameters


def _is_weight(name: str) -> bool:
    return name.startswith(("CNN", "RNN_", "rnn/")) or name in ("char_embed", "embedding")


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]

"""TensorFlow checkpoints of bilm-tf's training: weights, softmax, Adagrad's accumulators and step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elmokit.config import ModelConfig
from elmokit.errors import ModelFileError
from elmokit.formats.bilm_hdf5 import dataset_names
from elmokit.formats.tensor_bundle import DTYPES, TensorBundle
from elmokit.model.bilm import BiLM

_STEP = "global_step"
_SLOT = "/Adagrad"


@dataclass(frozen=True)
class TfCheckpoint:
    """The content of a checkpoint."""

    path: Path
    """The prefix of its files, such as ``.../model.ckpt-90``."""
    parameters: dict[str, Tensor]
    """Every parameter of :class:`~elmokit.model.bilm.BiLM` by its name, float32. The softmax's weights are
    left out where they are the word embeddings."""
    accumulators: dict[str, Tensor]
    """Adagrad's sums of squared gradients by the same names; empty where there are none."""
    step: int
    """Updates done."""

    @property
    def num_words(self) -> int:
        """V, size of the output vocabulary."""
        return len(self.parameters["softmax.bias"])


def variable_names(config: ModelConfig) -> dict[str, str]:
    """The variable in which bilm-tf's training keeps each parameter: our name → its name.

    The LSTMs are not named as in the HDF5 dumps, and a single layer is not numbered.
    """
    names = {ours: theirs for ours, theirs in dataset_names(config).items() if not ours.startswith("stacks.")}
    for direction in range(config.num_directions):
        scope = f"RNN_{direction}/rnn" if config.bidirectional else "rnn"
        for k in range(config.lstm.num_layers):
            number = f"multi_rnn_cell/cell_{k}/" if config.lstm.num_layers > 1 else ""
            cell = f"{scope}/{number}lstm_cell"
            names[f"stacks.{direction}.{k}.kernel"] = f"{cell}/kernel"
            names[f"stacks.{direction}.{k}.bias"] = f"{cell}/bias"
            if config.lstm.cell_dim != config.lstm.projection_dim:
                names[f"stacks.{direction}.{k}.projection"] = f"{cell}/projection/kernel"
    if not config.tie_softmax:
        names["softmax.weight"] = "softmax/W"
    names["softmax.bias"] = "softmax/b"
    return {ours: f"lm/{theirs}" for ours, theirs in names.items()}


def find_checkpoint(directory: Path) -> Path:
    """The prefix of a training directory's latest checkpoint.

    It is the one that the file ``checkpoint`` names, wherever the directory lay when that was written;
    without this file it is the one with the highest number.

    Raises:
        ModelFileError: when there is none, or not the one that is named.
    """
    try:
        there = sorted(file.name.removesuffix(".index") for file in directory.glob("?*.index"))
        state = directory / "checkpoint"
        name = _latest(state) if state.is_file() else max(there, key=_number_and_name, default=None)
    except OSError as error:
        raise ModelFileError(f"{directory}: cannot read: {error.strerror or error}") from None
    if name is None:
        raise ModelFileError(
            f"{directory}: no TensorFlow checkpoint there: expected a file like model.ckpt-90.index"
        )
    if name not in there:
        others = f": give the path of one of {', '.join(there)}" if there else ""
        raise ModelFileError(f"{state}: names {name!r}, but there is no {name}.index beside it{others}")
    return directory / name


def read_checkpoint(prefix: Path, config: ModelConfig, *, with_accumulators: bool = True) -> TfCheckpoint:
    """Read a checkpoint.

    Args:
        prefix: the common part of its files' paths.
        config: the geometry, from the ``options.json`` beside it. The size of the vocabulary is the
            softmax's.
        with_accumulators: False to leave them on the disk; they take as much memory as the weights.

    Raises:
        ModelFileError: when a file is damaged or missing, or tensors are missing, unexpected, of another
            shape or not finite; all of the latter are named at once.
        MissingExtraError: when the package that computes checksums is not installed.
    """
    bundle = TensorBundle.open(prefix)
    names = variable_names(config)
    with torch.device("meta"):  # nothing is allocated
        model = BiLM(config, _vocabulary_size(bundle, names))
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}

    parameters, faults = _read(bundle, names, shapes)
    slots = {ours: f"{theirs}{_SLOT}" for ours, theirs in names.items()}
    has_slots = any(slot in bundle.entries for slot in slots.values())
    accumulators: dict[str, Tensor] = {}
    if has_slots and with_accumulators:
        accumulators, slot_faults = _read(bundle, slots, shapes)
        faults += slot_faults
    step, step_fault = _read_step(bundle, is_training_state=has_slots)
    faults += step_fault + _unexpected(bundle, names)
    if faults:
        raise ModelFileError(f"{prefix}: does not fit its options.json: " + "; ".join(faults))
    return TfCheckpoint(prefix, parameters, accumulators, step)


def _read(
    bundle: TensorBundle, names: Mapping[str, str], shapes: Mapping[str, torch.Size]
) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by our names, and what is wrong with them."""
    tensors: dict[str, Tensor] = {}
    faults: list[str] = []
    for ours, theirs in names.items():
        entry = bundle.entries.get(theirs)
        shape = tuple(shapes[ours])
        stored_shape = (1, *shape) if ours.startswith("encoder.kernels.") else shape
        if entry is None:
            faults.append(f"{theirs}: missing")
        elif entry.is_sliced:
            faults.append(
                f"{theirs}: saved in slices (a partitioned variable), expected whole, as bilm-tf saves it"
            )
        elif entry.dtype not in DTYPES or DTYPES[entry.dtype].kind != "f":
            faults.append(f"{theirs}: of TensorFlow's type number {entry.dtype}, expected floating point")
        elif entry.shape != stored_shape:
            faults.append(f"{theirs}: shape {entry.shape}, expected {stored_shape}")
        else:
            with np.errstate(over="ignore"):  # of double precision: found by the next check
                values = bundle.read(theirs).astype(np.float32, copy=False).reshape(shape)
            if not np.isfinite(values).all():
                faults.append(f"{theirs}: holds NaN or infinite values")
            tensors[ours] = torch.from_numpy(values)
    return tensors, faults


def _read_step(bundle: TensorBundle, *, is_training_state: bool) -> tuple[int, list[str]]:
    entry = bundle.entries.get(_STEP)
    if entry is None:  # as it may be where only the weights have been published
        return 0, [f"{_STEP}: missing"] if is_training_state else []
    # The original counts in float32.
    if entry.shape != () or not entry.is_readable:
        return 0, [f"{_STEP}: shape {entry.shape}, type number {entry.dtype}, expected one number"]
    step = float(bundle.read(_STEP))
    if not step.is_integer() or step < 0:
        return 0, [f"{_STEP}: {step}, expected a number of updates"]
    return int(step), []


def _vocabulary_size(bundle: TensorBundle, names: Mapping[str, str]) -> int:
    """V, from a tensor with a row for each word; if none of these is good, that is the fault to tell."""
    for ours in ("softmax.bias", "softmax.weight", "encoder.weight"):
        entry = bundle.entries.get(names.get(ours, ""))
        if entry is not None and entry.is_readable and entry.shape and entry.size > 0:
            return entry.shape[0]
    return 1


def _unexpected(bundle: TensorBundle, names: Mapping[str, str]) -> list[str]:
    """Weights that the options do not speak of; anything else is not ours to judge."""
    known = set(names.values())
    weights = ("lm/CNN", "lm/RNN_", "lm/rnn/", "lm/char_embed", "lm/embedding", "lm/softmax/")
    return [
        f"{name}: unexpected"
        for name in bundle.entries
        if name.startswith(weights)
        and name not in known
        and name.rpartition("/")[0] not in known  # what some optimizer keeps for a variable
        and not name.endswith(_SLOT)
    ]


def _latest(state: Path) -> str:
    """The name of the checkpoint that TensorFlow's text file calls the latest."""
    text = state.read_bytes()
    match = re.search(
        rb"""^[ \t]*model_checkpoint_path[ \t]*:[ \t]*(["'])((?:\\.|(?!\1)[^\\\n])*)\1""", text, re.MULTILINE
    )
    path = _unescaped(match[2]).decode("utf-8", "replace") if match else ""
    name = re.split(r"[/\\]", path)[-1]
    if not name or not name.isprintable():
        raise ModelFileError(f'{state}: expected a line like model_checkpoint_path: "model.ckpt-90"')
    return name


def _unescaped(quoted: bytes) -> bytes:
    """A string of the text format of protocol buffers: octal for bytes beyond ASCII."""
    letters = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
    return re.sub(
        rb"\\([0-7]{1,3}|.)",
        lambda m: bytes([int(m[1], 8) & 0xFF]) if m[1][:1].isdigit() else letters.get(m[1], m[1]),
        quoted,
    )


def _number_and_name(name: str) -> tuple[int, str]:
    """Orders ``model.ckpt-100`` after ``model.ckpt-99`` and both after ``init.ckpt``."""
    number = re.search(r"-([0-9]{1,18})$", name)
    return int(number[1]) if number else -1, name

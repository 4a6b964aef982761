"""The training directory of bilm-tf: TensorFlow checkpoints with softmax and Adagrad's state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.files.listing import visible_files
from elmokit.formats.bilm_files import beside_options, find_options, find_vocabulary
from elmokit.formats.bilm_names import bilm_layout, variable_names
from elmokit.formats.stored import Layout, ReadRequest, StoredModel, StoredOptimizer
from elmokit.formats.tensorflow.latest import find_checkpoint
from elmokit.formats.tensorflow.tensor_bundle import DTYPES, TensorBundle
from elmokit.formats.vocabulary_rows import read_vocabulary
from elmokit.model.parameter_shapes import parameter_shapes

DESCRIPTION = "a TensorFlow checkpoint of bilm-tf with options.json"
HAS_SEPARATE_OPTIONS = True

_STEP = "global_step"
_SLOT = "/Adagrad"
_LATEST = "checkpoint"  # the text file that names the latest one
_SUFFIX = re.compile(r"(?<=.)\.(index|meta|data-[0-9]{5}-of-[0-9]{5})$")
_WEIGHTS = ("lm/CNN", "lm/RNN_", "lm/rnn/", "lm/char_embed", "lm/embedding", "lm/softmax/")


def matches(path: Path) -> bool:
    """Return whether ``path`` is a directory with TensorFlow checkpoints, or one of them."""
    if path.is_dir():
        return bool(visible_files(path, "*.index"))
    if path.name == _LATEST and path.is_file():
        return bool(visible_files(path.parent, "*.index"))
    prefix = _prefix(path)
    return (prefix != path or not path.exists()) and _index(prefix).exists()


def read(path: Path, request: ReadRequest) -> StoredModel:
    """Read a TensorFlow checkpoint of bilm-tf.

    Args:
        path: a training directory, or the file ``checkpoint`` in it, to read the latest checkpoint; or the
            common start of the paths of one checkpoint's files, e.g. ``.../model.ckpt-90``, or one of them.
        request: where options and vocabulary are, unless they are beside the checkpoint.

    Raises:
        ModelFileError: when a file is missing or damaged.
        ConfigError: when the options are wrong.
        MissingExtraError: when the package that computes checksums is not installed.
    """
    directory = path.parent if path.name == _LATEST and path.is_file() else path
    prefix = find_checkpoint(directory) if directory.is_dir() else _prefix(path)
    home = _prefix(beside_options(_index(prefix)))
    options = request.options or find_options(home)
    config = Config.of_model(options)
    bundle = TensorBundle.open(prefix)
    names = variable_names(config.model)
    num_words = _vocabulary_size(bundle, names)
    shapes = parameter_shapes(config.model, num_words, with_softmax=True, source=options)
    layout = bilm_layout(names, shapes)
    words = read_vocabulary(
        request.vocabulary or find_vocabulary(prefix.parent) or find_vocabulary(home.parent),
        num_words,
        f"{prefix.name} predicts {num_words}",
        config.model,
    )

    tensors, unread = _read_tensors(bundle, layout)
    is_training_state = any(f"{name}{_SLOT}" in bundle.entries for name in layout.shapes)
    optimizer = None
    step, step_problem = _read_step(bundle, is_required=is_training_state)
    if is_training_state and request.optimizer:
        sums, unread_sums = _read_tensors(bundle, layout, suffix=_SLOT)
        unread |= unread_sums
        optimizer = StoredOptimizer("adagrad", step, {"sum": sums}, {"sum": _SLOT})
    if step_problem is not None:
        unread[_STEP] = step_problem
    unread |= dict.fromkeys(_unexpected_weights(bundle, layout), "unexpected")
    return StoredModel(
        prefix,
        config,
        num_words,
        tensors,
        layout,
        unread=unread,
        vocabulary=words.vocabulary,
        vocabulary_rows=words.rows,
        vocabulary_problem=words.problem,
        facts={"step": step},
        optimizer=optimizer,
    )


def _prefix(path: Path) -> Path:
    """Return the prefix of a checkpoint from the path of one of its files, or from itself."""
    return path.with_name(_SUFFIX.sub("", path.name))


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _read_tensors(
    bundle: TensorBundle, layout: Layout, suffix: str = ""
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a layout by their names in it, and why others cannot be read.

    The name of each tensor in the checkpoint ends with ``suffix`` in addition.
    """
    tensors: dict[str, Tensor] = {}
    unread: dict[str, str] = {}
    for name in layout.shapes:
        entry = bundle.entries.get(f"{name}{suffix}")
        if entry is None:
            continue
        if entry.is_sliced:
            problem: str | None = (
                "saved in slices (a partitioned variable), expected whole, as bilm-tf saves it"
            )
        elif entry.dtype not in DTYPES or DTYPES[entry.dtype].kind != "f":
            problem = f"TensorFlow data type {entry.dtype}, expected floating point"
        else:
            problem = layout.problem(name, entry.shape)
        if problem is None:
            tensors[name] = torch.from_numpy(bundle.read(f"{name}{suffix}"))
        else:
            unread[f"{name}{suffix}"] = problem
    return tensors, unread


def _read_step(bundle: TensorBundle, *, is_required: bool) -> tuple[int, str | None]:
    """Return the number of updates, and what is wrong with it; published weights may come without it."""
    entry = bundle.entries.get(_STEP)
    if entry is None:
        return 0, "missing" if is_required else None
    if entry.shape != () or not entry.is_readable:
        return 0, f"shape {entry.shape}, TensorFlow data type {entry.dtype}, expected one number"
    step = float(bundle.read(_STEP))  # the original counts in float32
    if not step.is_integer() or step < 0:
        return 0, f"{step}, expected a number of updates"
    return int(step), None


def _vocabulary_size(bundle: TensorBundle, names: Mapping[str, str]) -> int:
    """Return V, from a tensor with one row per word; 1 if none is usable, which is an error of its own."""
    for ours in ("softmax.bias", "softmax.weight", "encoder.weight"):
        entry = bundle.entries.get(names.get(ours, ""))
        if entry is not None and entry.is_readable and entry.shape and entry.size > 0:
            return entry.shape[0]
    return 1


def _unexpected_weights(bundle: TensorBundle, layout: Layout) -> Iterator[str]:
    """Yield weights that the options do not describe; any other tensor is ignored."""
    for name in bundle.entries:
        is_slot = name.endswith(_SLOT) or name.rpartition("/")[0] in layout.shapes  # of any optimizer
        if name.startswith(_WEIGHTS) and name not in layout.shapes and not is_slot:
            yield name

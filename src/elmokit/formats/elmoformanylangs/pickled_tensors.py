"""The tensors in the ``.pkl`` files, read by PyTorch without executing what is in them."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elmokit.errors import ModelFileError
from elmokit.formats.elmoformanylangs.pickled_tuples import check_tuples

_NUM_PICKLES = 5  # at the beginning of a file that PyTorch before 1.6 has written


def read_tensors(directory: Path, names: Sequence[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read files of tensors.

    Args:
        directory: the model.
        names: the files.

    Returns:
        The tensors by file and name, e.g. ``encoder.pkl: projection.bias``, and why others are not among
        them.

    Raises:
        ModelFileError: when a file is damaged, or holds something else.
    """
    tensors: dict[str, Tensor] = {}
    unread: dict[str, str] = {}
    for file_name in names:
        for name, tensor in _load(directory / file_name).items():
            if problem := _problem(tensor):
                unread[f"{file_name}: {name}"] = problem
            else:
                tensors[f"{file_name}: {name}"] = tensor
    return tensors, unread


def _load(path: Path) -> dict[Any, Any]:
    try:
        _check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # about how old or damaged the file looks
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a dozen kinds, depending on where the damage is
        reason = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
        if isinstance(error, pickle.UnpicklingError):  # its text advises to execute what is in the file
            reason = "it contains something other than tensors"
        raise ModelFileError(f"{path}: damaged, or not a file of tensors ({reason})") from None
    if not isinstance(stored, dict):
        raise ModelFileError(f"{path}: expected tensors by name, got {type(stored).__name__}")
    return stored


def _check_archive(path: Path) -> None:
    """Verify the checksums of a file that is a ZIP archive, as PyTorch has written them since 1.6.

    PyTorch does not verify them, and may return uninitialized memory for a damaged archive.

    Raises:
        ValueError: when a member is damaged, or a pickle has large tuples; and whatever the standard library
            raises.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            file.seek(0)
            for _ in range(_NUM_PICKLES):
                if file.peek(1):
                    check_tuples(file)
            return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
                raise ValueError(f"{member.filename} is compressed")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        for member in archive.infolist():
            if member.filename.endswith(".pkl"):
                with archive.open(member) as file:
                    check_tuples(file)


def _problem(value: object) -> str | None:
    """Return why a stored value is not a plain tensor whose file holds all of its numbers."""
    if not isinstance(value, Tensor):
        return f"expected a tensor, got {type(value).__name__}"
    if value.is_nested or value.layout != torch.strided or value.device.type != "cpu":
        return "expected a dense tensor with values"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return "fewer values than its shape needs"
    return None

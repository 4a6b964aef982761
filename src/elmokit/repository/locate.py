"""From what a user calls a model to a local path: a path, the name of a published model, a URL or a Hub id.

Nothing here needs PyTorch, so that a command can report a wrong name at once.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from elmokit.data.text_file import is_url
from elmokit.errors import FetchError, MissingModelError, ModelFileError
from elmokit.files.home import expanded
from elmokit.repository.bundled import BUNDLED_MODELS, find_bundled_model
from elmokit.repository.fetch import fetch_file, fetch_model, is_published
from elmokit.repository.hub import fetch_snapshot
from elmokit.repository.published import PUBLISHED, tfhub_name

OTHER_SOURCES = "a ZIP archive of one of these, a URL, the name of a published model or a Hugging Face id"
MODEL_KINDS = (
    "a training run's save directory, a model directory (config.json, model.safetensors), an "
    "ELMoForManyLangs model, a TensorFlow checkpoint of bilm-tf with options.json, options.json with HDF5 "
    f"weights, {OTHER_SOURCES}"
)
"""What can be loaded, for error messages."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_IN_MODELS = ("*.json", "*.hdf5", "*.h5", "*.safetensors", "*.pkl", "*.index", "checkpoint*")
"""Patterns of which every directory with a model, whole or damaged, has a match."""


def locate_model(model: str | Path, *, softmax: bool = False) -> Path:
    """Return the local path of a model, after downloading it if necessary.

    Args:
        model: a path, which takes precedence; the prefix of a TensorFlow checkpoint; the name of a bundled or
            published model, also where a directory of this name has no model in it; the address of
            ``google/elmo`` on TF-Hub; another URL; or a Hugging Face id.
        softmax: of a published model, download the softmax as well.

    Raises:
        MissingModelError: when there is no such model; the message names the nearest one.
        ModelFileError: when the path cannot be read.
        FetchError: when the model cannot be downloaded.
    """
    if not isinstance(model, str | os.PathLike):
        raise ModelFileError(f"model: expected a path or a name, got {type(model).__name__}")
    if not os.fspath(model).strip():
        raise MissingModelError(
            f"{os.fspath(model)!r}: an empty name, expected a model: is a variable of the shell unset?"
        )
    path, name = expanded(model), str(model)
    if (at_tfhub := tfhub_name(name)) and not _is_there(path):
        path, name = Path(at_tfhub), at_tfhub
    is_name = find_bundled_model(name) is not None or is_published(name)
    if _is_there(path) and not (is_name and _has_no_model(path)):
        return path
    if bundled := find_bundled_model(name):
        return bundled
    if is_published(name):
        return fetch_model(name, softmax=softmax)
    if is_url(name):
        return fetch_model(name)
    try:
        if _HUB_ID.fullmatch(name) and not path.parent.exists():
            return fetch_snapshot(name)
        if not path.suffix and len(path.parts) == 1:
            return fetch_model(name)  # its error suggests similar names
    except FetchError as error:
        raise MissingModelError(f"{path}: no such file or directory, and {error}") from None
    raise MissingModelError(f"{path}: no such file or directory{_nearest(path)}: expected {MODEL_KINDS}")


def locate_file(file: str | Path | None) -> Path | None:
    """Return the local path of a file that belongs to a model, after downloading it if it is a URL.

    Raises:
        MissingModelError: when there is no such file.
        FetchError: when it cannot be downloaded.
    """
    if file is None:
        return None
    path = fetch_file(str(file)) if is_url(str(file)) else expanded(file)
    if not path.is_file():
        raise MissingModelError(f"{path}: no such file")
    return path


def _is_there(path: Path) -> bool:
    """Return whether there is something at a path, or it is the prefix of a TensorFlow checkpoint."""
    try:
        return path.exists() or path.with_name(f"{path.name}.index").exists()
    except ValueError:  # an empty name, or a NUL character
        return False
    except OSError as error:  # e.g. a name that is too long
        raise ModelFileError(f"{str(path)[:80]}: cannot read: {error.strerror}") from None


def _has_no_model(path: Path) -> bool:
    """Return whether a path is a directory without any file that could be part of a model."""
    try:
        return path.is_dir() and not any(any(path.glob(pattern)) for pattern in _IN_MODELS)
    except OSError:
        return False


def _nearest(path: Path) -> str:
    """Return a hint at the nearest entry of the directory."""
    try:
        entries = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, entries, n=1, cutoff=0.8)
    return f" (did you mean {str(path.parent / near[0])!r}?)" if near else ""


def model_names() -> list[str]:
    """Return the names of all bundled and published models."""
    return [*BUNDLED_MODELS, *PUBLISHED]

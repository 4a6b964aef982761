"""A trained downstream model as a directory: ``config.json``, ``model.safetensors``, checksums and a card.

A frozen biLM is not part of it, nor are word vectors that were read from a file: the directory has their
names and fingerprints, and others are refused. ``vectors-N.safetensors`` has those that elmokit has trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmokit.downstream.embeddings.choice import embeddings_of, names_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.vector_files import read_vectors, write_vectors
from elmokit.downstream.progress import Progress, no_progress
from elmokit.errors import MissingModelError, ModelFileError, OutputError
from elmokit.files.atomic import new_directory, refuse_unwritable
from elmokit.files.json_table import read_json_table
from elmokit.formats.directory_checksums import CHECKSUMS_FILE, verify_checksums, write_checksums

FORMAT_VERSION = 1

_CONFIG_FILE, _WEIGHTS_FILE, _CARD_FILE = "config.json", "model.safetensors", "README.md"
_FILES = (_CONFIG_FILE, _WEIGHTS_FILE, CHECKSUMS_FILE, _CARD_FILE)
_VECTORS_FILE = "vectors-{}.safetensors"
_ANY_VECTORS_FILE = re.compile(_VECTORS_FILE.replace(".", r"\.").format(r"\d+"))


@dataclass(frozen=True)
class SavedModel:
    """What a directory holds."""

    path: Path
    embeddings: tuple[tuple[str, str], ...]
    """Name and fingerprint of each embedding that the model was trained with."""
    values: dict[str, Any]
    """Labels, settings and whatever else the kind of model keeps; from JSON, still to be checked."""
    tensors: dict[str, Tensor]


def save_model(
    directory: Path,
    kind: str,
    embeddings: Sequence[TokenEmbedding],
    values: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    card: str,
) -> None:
    """Write a model, completely or not at all; an earlier model of the same kind is replaced.

    Args:
        directory: where to write.
        kind: the kind of model, such as ``classifier``.
        embeddings: what the model reads its text through.
        values: everything besides the weights, as JSON can hold it.
        tensors: the weights.
        card: the text of the model card, in Markdown.

    Raises:
        OutputError: when it cannot be written, or something else is there.
    """
    refuse_to_replace(directory, kind)
    config = {
        "model_type": _model_type(kind),
        "format_version": FORMAT_VERSION,
        "embeddings": [{"name": own.name, "fingerprint": own.fingerprint} for own in embeddings],
        **values,
    }
    with new_directory(directory) as temporary:
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            save_file(contiguous, temporary / _WEIGHTS_FILE, metadata={"format": "pt"})
        except SafetensorError as error:  # it wraps the operating system's error
            raise OSError(28, str(error)) from error
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (temporary / _CONFIG_FILE).write_text(text, encoding="utf-8")
        names = [_CONFIG_FILE, _WEIGHTS_FILE]
        for number, embedding in enumerate(embeddings):
            if isinstance(embedding, StaticEmbedding) and ":" not in embedding.name:  # no file has it
                names.append(_VECTORS_FILE.format(number))
                write_vectors(temporary / names[-1], embedding)
        write_checksums(temporary, names)
        (temporary / _CARD_FILE).write_text(card, encoding="utf-8")


def read_model(directory: Path, kind: str) -> SavedModel:
    """Read what :func:`save_model` has written.

    Raises:
        ModelFileError: when it is missing, damaged, or of another kind.
    """
    config_path, weights_path = directory / _CONFIG_FILE, directory / _WEIGHTS_FILE
    if not config_path.is_file() or not weights_path.is_file():
        raise MissingModelError(
            f"{directory}: no {_name(kind)} there: expected a directory with {_CONFIG_FILE} and "
            f"{_WEIGHTS_FILE}"
        )
    verify_checksums(directory)
    values = read_json_table(config_path)
    if (found := values.pop("model_type", None)) != _model_type(kind):
        raise ModelFileError(f"{config_path}: model_type: expected {_model_type(kind)!r}, got {found!r}")
    if (version := values.pop("format_version", None)) != FORMAT_VERSION:
        raise ModelFileError(f"{config_path}: format_version: expected {FORMAT_VERSION}, got {version!r}")
    try:
        embeddings = tuple((str(own["name"]), str(own["fingerprint"])) for own in values.pop("embeddings"))
    except (KeyError, TypeError):
        raise ModelFileError(
            f"{config_path}: embeddings: expected a name and a fingerprint for each"
        ) from None
    try:
        tensors = load_file(weights_path)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelFileError(f"{weights_path}: cannot read the weights: damaged ({error})") from None
    return SavedModel(directory, embeddings, values, tensors)


def embeddings_of_saved(
    saved: SavedModel,
    choice: str | None = None,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = no_progress,
) -> tuple[TokenEmbedding, ...]:
    """Return the embeddings that a model was trained with.

    Args:
        saved: the model.
        choice: where they are now, as for :func:`embeddings_of`; None for where they were.
        device: where biLMs run.
        progress: shows what is done.

    Raises:
        ModelFileError: if one is missing, or others are found.
    """
    names = [name for name, _ in saved.embeddings] if choice is None else names_of(choice)
    found: tuple[TokenEmbedding, ...] = ()
    for number, name in enumerate(names):
        path = saved.path / _VECTORS_FILE.format(number)
        try:
            if path.is_file() and ":" not in name:
                found += (read_vectors(path, name),)
            else:
                found += embeddings_of(name, device=device, progress=progress)
        except FileNotFoundError as error:
            raise MissingModelError(
                f"{saved.path}: trained with {name}, which is not there ({error}): pass where it is now "
                "(--embedding)"
            ) from None
    refuse_other_embeddings(saved, found)
    return found


def refuse_other_embeddings(saved: SavedModel, embeddings: Sequence[TokenEmbedding]) -> None:
    """Refuse embeddings that are not those that the model was trained with.

    Raises:
        ModelFileError: naming the first that differs.
    """
    if len(embeddings) != len(saved.embeddings):
        raise ModelFileError(
            f"{saved.path}: trained with {len(saved.embeddings)} embeddings, got {len(embeddings)}: expected "
            + "+".join(name for name, _ in saved.embeddings)
        )
    for (name, fingerprint), embedding in zip(saved.embeddings, embeddings, strict=True):
        if embedding.fingerprint != fingerprint:
            raise ModelFileError(
                f"{saved.path}: trained with other vectors than those of {embedding.name} (fingerprint "
                f"{fingerprint[:12]}, got {embedding.fingerprint[:12]}): pass what was {name} then, or "
                "train again"
            )


def _name(kind: str) -> str:
    return kind if kind in ("tagger", "classifier") else f"model of {kind}"


def _model_type(kind: str) -> str:
    return f"elmokit-{kind}"


def refuse_to_replace(path: Path, kind: str) -> None:
    """Refuse anything but a new or empty directory, or an earlier model of the same kind.

    :func:`save_model` does so; who trains for long asks before.

    Raises:
        OutputError: naming what is there, or why nothing can be written.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        refuse_unwritable(path)
        return
    names = sorted(file.name for file in path.iterdir()) if path.is_dir() else []
    others = [name for name in names if name not in _FILES and not _ANY_VECTORS_FILE.fullmatch(name)]
    try:
        is_same_kind = read_json_table(path / _CONFIG_FILE).get("model_type") == _model_type(kind)
    except (OSError, ModelFileError):
        is_same_kind = False
    if others or not is_same_kind:
        raise OutputError(
            f"{path}: already exists and is not only an earlier {_name(kind)}: choose another directory"
        )

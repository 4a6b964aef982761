"""Which HDF5 file of a directory holds the weights and which the softmax, whatever their names."""

from __future__ import annotations

from pathlib import Path

from elmokit.errors import MissingModelError, ModelFileError
from elmokit.files.listing import visible_files
from elmokit.formats.bilm_hdf5 import content_of

HDF5_SUFFIXES = (".hdf5", ".h5")
_HDF5_PATTERNS = tuple(f"*{suffix}" for suffix in HDF5_SUFFIXES)


def holds_hdf5(directory: Path) -> bool:
    """Return whether there is an HDF5 file in a directory."""
    return bool(visible_files(directory, *_HDF5_PATTERNS))


def find_weights(directory: Path) -> tuple[Path, Path | None]:
    """Return the weights in a directory, and their softmax if there is one.

    Raises:
        ModelFileError: when there are no weights, or several files of a kind; the message lists them.
    """
    files = {path: content_of(path) for path in visible_files(directory, *_HDF5_PATTERNS)}
    softmax = [path for path, content in files.items() if content == "softmax"]
    # There may be files of vectors as well. A damaged file counts as weights: no other file may replace it.
    weights = [path for path, content in files.items() if content in ("weights", "unknown")]
    weights = weights or [path for path, content in files.items() if content == "other"]
    if len(weights) != 1 or len(softmax) > 1:
        expected = "one HDF5 file of weights" if len(weights) != 1 else "at most one HDF5 softmax file"
        names = ", ".join(path.name for path in (weights if len(weights) != 1 else softmax)) or "none"
        kind = ModelFileError if weights else MissingModelError
        raise kind(f"{directory}: expected {expected}, got {names}: give the path of the weights file")
    return weights[0], softmax[0] if softmax else None


def find_softmax(weights: Path) -> Path | None:
    """Return the softmax file of a file of weights.

    It has a corresponding name, or it is the only one beside the only weights.
    """
    named_alike = weights.with_name(f"{weights.stem.replace('weights', 'softmax_weights')}{weights.suffix}")
    if named_alike != weights and named_alike.is_file():
        return named_alike
    try:
        only_weights, softmax = find_weights(weights.parent)
    except ModelFileError:
        return None
    return softmax if only_weights == weights else None

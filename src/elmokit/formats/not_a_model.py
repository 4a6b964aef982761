"""Files that are often named as the model: what they are, and what to name instead."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

_TAR_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_PICKLED_SUFFIXES = (".pt", ".pth", ".bin", ".pkl", ".pickle")


def what_to_name(path: Path) -> str | None:
    """Return what a path is and what to name instead, for an error message.

    Args:
        path: an existing path which no format matches.

    Returns:
        None when its name says nothing, or it is a ZIP archive, whatever its name.
    """
    name = path.name.lower()
    if not (path.is_file() or path.is_dir()):
        return f"a {_kind(path.stat().st_mode)}, expected a file or directory"
    if path.is_dir() or zipfile.is_zipfile(path):
        return None
    if name.endswith(_TAR_SUFFIXES):
        return f"a tar archive: unpack it (tar -xf {path.name}) and give the directory, or pack it as a ZIP"
    if name.endswith(".json"):
        return (
            f"a file of settings, not a model: give the directory {path.parent}, or the file of weights and "
            "this one as its options"
        )
    if name.endswith(".safetensors"):
        return f"weights without their settings: give the directory {path.parent} if it has a config.json"
    if name.startswith("vocab") and name.endswith((".txt", ".txt.gz")):
        return f"a vocabulary, not a model: give the directory {path.parent}, or the weights"
    if name.endswith((".index", ".meta")) or ".data-" in name or name == "checkpoint":
        return (
            "part of a TensorFlow checkpoint whose other files are missing: expected NAME.index and "
            "NAME.data-00000-of-00001 beside each other"
        )
    if name.endswith(_COMPRESSED_SUFFIXES):
        return "a compressed file: decompress it first"
    if name.endswith(_PICKLED_SUFFIXES):
        return (
            "a pickled file, which elmokit reads only as part of an ELMoForManyLangs model: give its "
            "directory, or convert the weights to HDF5 or safetensors"
        )
    return None


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"

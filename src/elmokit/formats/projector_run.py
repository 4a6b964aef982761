"""Writing a TensorBoard run for the Embedding Projector: tensors of points and their metadata.

The directory holds ``projector_config.pbtxt``, which lists the tensors; a file of numbers for each; and
``metadata.tsv``, with one row per point. TensorBoard looks for the configuration at the top of its log
directory and in its runs, and a run is a directory with an events file: an empty one is written here. So any
directory above works for ``tensorboard --logdir``. TensorBoard is not needed for writing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmokit.errors import OutputError
from elmokit.files.atomic import new_directory

_CONFIG = "projector_config.pbtxt"
_METADATA = "metadata.tsv"
_OURS = "# Written by elmokit projector.\n"
_EVENTS = "events.out.tfevents.0000000000.projector"
# One record, `Event(file_version="brain.Event:2")`, with its length and checksums.
_EVENTS_BYTES = b"\x0f\0\0\0\0\0\0\0mS+\t\x1a\rbrain.Event:2\xfc\x98Q)"

_CONTROL = ("Cc", "Cs", "Zl", "Zp")  # categories of control characters, surrogates, line separators
# What JavaScript parses as a number, and the numbers that it shows as they were written.
_NUMBER = re.compile(
    r"([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?Infinity|0x[0-9a-f]+|0o[0-7]+|0b[01]+)?",
    re.ASCII | re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"-?[1-9]\d{0,14}", re.ASCII)


# The page goes on with t-SNE from the points of a bookmark. With the lowest learning rate that it
# has (a power of ten), points that are far apart stay where they are; it scales them to its size.
_LEAST_LEARNING_RATE = -3
_FAR_APART = 100


@dataclass(frozen=True)
class Bookmark:
    """A view of a tensor among the bookmarks of the projector: where the points lie, and their colors."""

    label: str
    coordinates: np.ndarray
    """(N, 2) of t-SNE."""
    color_by: str
    """Name of a metadata column."""

    def to_json(self, dim: int) -> dict[str, object]:
        """Return the view of points of width ``dim`` as the page stores it."""
        places = np.round(_FAR_APART * self.coordinates.astype(np.float64), 2) + 0.0  # without negative zeros
        return {
            "label": self.label,
            "isSelected": False,
            "selectedProjection": "tsne",
            "dataSetDimensions": [len(places), dim],
            "projections": [{"tsne-0": x, "tsne-1": y} for x, y in places.tolist()],
            "tSNEIteration": 1,
            "tSNEPerplexity": 30,
            "tSNELearningRate": _LEAST_LEARNING_RATE,
            "tSNEis3d": False,
            "umapIs3d": False,
            "umapNeighbors": 15,
            "umapMinDist": 0.1,
            "pcaComponentDimensions": [0, 1],
            # The page shows no bookmark without these.
            "customSelectedSearchByMetadataOption": "word",
            **{
                f"custom{side}{kind}": value
                for side in ("XLeft", "XRight", "YUp", "YDown")
                for kind, value in (("Text", ""), ("Regex", False))
            },
            "selectedPoints": [],
            "filteredPoints": None,
            "selectedColorOptionName": self.color_by,
            "forceCategoricalColoring": False,
            "selectedLabelOption": "word",
            "cameraDef": {"orthographic": True, "position": [0, 0, 10], "target": [0, 0, 0], "zoom": 1},
        }


def write_projector_run(
    directory: Path,
    tensors: Mapping[str, np.ndarray],
    columns: Sequence[str],
    rows: Iterable[Sequence[str | float]],
    bookmarks: Mapping[str, Bookmark] | None = None,
) -> None:
    """Write a run, completely or not at all; one that was written before is replaced.

    Args:
        directory: where to write the run.
        tensors: (N, D) float32 by name; names of letters, digits, spaces, ``-``, ``(`` and ``)``.
        columns: the names of the metadata columns, at least two; the first one is the label of a point.
        rows: the metadata of the N points; see :func:`metadata_field`.
        bookmarks: a view of each tensor; none by default.

    Raises:
        OutputError: when the directory cannot be written, or contains anything else.
    """
    _refuse_to_replace(directory)
    with new_directory(directory) as temporary:
        config = [_OURS]
        for name, tensor in tensors.items():
            file = _write_tensor(temporary / _file_stem(name), tensor)
            num_points, dim = tensor.shape
            views = ""
            if bookmarks is not None:
                view_file = temporary / f"{_file_stem(name)}-bookmarks.json"
                view_file.write_text(json.dumps([bookmarks[name].to_json(dim)]), encoding="utf-8")
                views = f'  bookmarks_path: "{view_file.name}"\n'
            config.append(
                f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{file}"\n'
                f"  tensor_shape: {num_points}\n  tensor_shape: {dim}\n"
                f'  metadata_path: "{_METADATA}"\n{views}}}\n'
            )
        with (temporary / _METADATA).open("w", encoding="utf-8", newline="\n") as metadata:
            metadata.write("\t".join(columns) + "\n")
            for row in rows:
                metadata.write("\t".join(map(metadata_field, row)) + "\n")
        (temporary / _CONFIG).write_text("".join(config), encoding="utf-8")
        (temporary / _EVENTS).write_bytes(_EVENTS_BYTES)


def metadata_field(value: str | float) -> str:
    r"""Return a value as it is written to the table.

    The table has no escapes: tabs, line ends, control characters and invalid characters are replaced by
    ``\t``, ``\n``, ``\x00``, ``\u2028``. The page parses text that looks like a number and would show 007 as
    7, 1.0 as 1 and nothing for 0 or an empty word: such text is put in quotes.
    """
    if isinstance(value, int | float):
        return str(value)
    if not value.isprintable():
        value = "".join(repr(c)[1:-1] if unicodedata.category(c) in _CONTROL else c for c in value)
    if _NUMBER.fullmatch(value.strip()) and not _PLAIN_NUMBER.fullmatch(value):
        return f'"{value}"'
    return value


def _write_tensor(stem: Path, tensor: np.ndarray) -> str:
    """Write (N, D) numbers exactly, and return the name of the file.

    TensorBoard tries to read text, and considers a file binary when its first line is not UTF-8. Numbers
    hardly ever are UTF-8, but a tensor of zeros is: it is written as text.
    """
    data = np.ascontiguousarray(tensor, "<f4").tobytes()
    try:
        data.partition(b"\n")[0].decode("utf-8")
    except UnicodeDecodeError:
        path = stem.with_name(f"{stem.name}.bytes")
        path.write_bytes(data)
    else:
        path = stem.with_name(f"{stem.name}.tsv")
        np.savetxt(path, tensor, "%.9g", delimiter="\t")
    return path.name


def _file_stem(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")


def _refuse_to_replace(directory: Path) -> None:
    """Refuse anything but a new or empty directory, or a run written before that contains nothing else."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    config = directory / _CONFIG
    if not config.is_file() or not config.read_bytes().startswith(_OURS.encode()):
        raise OutputError(
            f"{directory} already exists and was not written by `elmokit projector`: "
            "choose another log directory"
        )
    ours = {
        _CONFIG,
        _METADATA,
        _EVENTS,
        *re.findall(r'(?:tensor|bookmarks)_path: "(.*)"', config.read_text(encoding="utf-8")),
    }
    others = sorted(file.name for file in directory.iterdir() if file.name not in ours)
    if others:
        raise OutputError(
            f"{directory}: contains files that `elmokit projector` did not write "
            f"({', '.join(others[:5])}): choose another log directory"
        )

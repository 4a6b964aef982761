"""Folders of files as labelled texts, as in the IMDB reviews of Maas et al. (2011)."""

from __future__ import annotations

import re
from pathlib import Path

from elmokit.data.read import read_lines
from elmokit.downstream.labelled.texts import LabelledTexts
from elmokit.errors import TextError

_UNLABELLED = ("unsup",)
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def read_folders(directory: Path) -> LabelledTexts:
    """Read a directory with a folder of text files for each label, such as ``pos`` and ``neg``.

    The lines of a file are one text; ``<br />`` is a space. The folder ``unsup`` of IMDB has no labels and is
    left out.

    Raises:
        TextError: if there are no such folders, or a file cannot be read.
    """
    folders = sorted(path for path in directory.iterdir() if path.is_dir() and path.name[0] != ".")
    labels = [path for path in folders if path.name not in _UNLABELLED]
    files = [(path.name, sorted(path.glob("*.txt"))) for path in labels]
    if not any(own for _, own in files):
        inner = ", ".join(str(path) for path in labels if any(own.is_dir() for own in path.iterdir()))
        hint = f": give one of {inner}" if inner else ""
        raise TextError(
            f"{directory}: expected a folder of .txt files for each label, such as pos and neg{hint}"
        )
    texts, names, places = [], [], []
    for label, own in files:
        for file in own:
            texts.append(_LINE_BREAK.sub(" ", " ".join(read_lines(file))))
            names.append((label,))
            places.append(str(file))
    left_out = ", ".join(path.name for path in folders if path.name in _UNLABELLED)
    note = f"labels: {', '.join(label for label, _ in files)}" + (
        f"; left out: {left_out}" if left_out else ""
    )
    return LabelledTexts(texts, names, places, source=str(directory), note=note)

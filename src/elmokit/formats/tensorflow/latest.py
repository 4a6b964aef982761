"""Which TensorFlow checkpoint of a training directory is the latest."""

from __future__ import annotations

import re
from pathlib import Path

from elmokit.errors import MissingModelError, ModelFileError
from elmokit.files.listing import visible_files


def find_checkpoint(directory: Path) -> Path:
    """Return the prefix of a training directory's latest checkpoint, e.g. ``.../model.ckpt-90``.

    It is the one that the text file ``checkpoint`` names, even if the directory has been moved since;
    without this file it is the one with the highest number.

    Raises:
        ModelFileError: when there is no checkpoint, or the named one is missing.
    """
    try:
        names = [file.name.removesuffix(".index") for file in visible_files(directory, "?*.index")]
        state = directory / "checkpoint"
        name = _latest(state) if state.is_file() else max(names, key=_number_and_name, default=None)
    except OSError as error:
        raise ModelFileError(f"{directory}: cannot read: {error.strerror or error}") from None
    if name is None:
        raise MissingModelError(
            f"{directory}: no TensorFlow checkpoint there: expected a file like model.ckpt-90.index"
        )
    if name not in names:
        others = f": give the path of one of {', '.join(names)}" if names else ""
        raise MissingModelError(f"{state}: names {name!r}, but there is no {name}.index beside it{others}")
    return directory / name


def _latest(state: Path) -> str:
    """Return the name of the checkpoint that TensorFlow's text file calls the latest."""
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
    """Decode a string of the text format of protocol buffers, where bytes beyond ASCII are octal numbers."""
    letters = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
    return re.sub(
        rb"\\([0-7]{1,3}|.)",
        lambda m: bytes([int(m[1], 8) & 0xFF]) if m[1][:1].isdigit() else letters.get(m[1], m[1]),
        quoted,
    )


def _number_and_name(name: str) -> tuple[int, str]:
    """Return a sort key: ``model.ckpt-100`` after ``model.ckpt-99``, both after ``init.ckpt``."""
    number = re.search(r"-([0-9]{1,18})$", name)
    return int(number[1]) if number else -1, name

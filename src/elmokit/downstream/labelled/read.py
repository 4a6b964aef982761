"""Reading texts with labels: TSV, CSV, JSON lines, folders of files, and arrays of Keras."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elmokit.arguments import checked
from elmokit.data.compression import COMPRESSED_SUFFIXES
from elmokit.data.read import read_lines
from elmokit.downstream.labelled.columns import LABEL_NAMES, TEXT_NAMES, Columns, choose_columns
from elmokit.downstream.labelled.folders import read_folders
from elmokit.downstream.labelled.keras_arrays import Part, read_keras_arrays
from elmokit.downstream.labelled.texts import LabelledTexts
from elmokit.errors import TextError
from elmokit.files.home import expanded

_Row = tuple[int, list[str]]  # with its line number


@checked
def read_labelled(
    path: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    label_delimiter: str | None = None,
    part: Part = "train",
    needs_label: bool = True,
) -> LabelledTexts:
    """Read texts with their labels.

    The suffix selects the format: ``.csv`` (fields may be quoted), ``.jsonl``, ``.npz`` of Keras, or
    tab-separated for anything else (no quoting). A directory has one folder per label, as that of IMDB has.

    Args:
        path: the file or directory; a table may be behind an fsspec URL, or compressed.
        text_column: name of the column of texts, or its number from 1; None to guess.
        label_column: that of labels.
        label_delimiter: what separates the labels of a text, if it may have several.
        part: of arrays of Keras, the one to read.
        needs_label: whether each text must have a label.

    Raises:
        TextError: if it cannot be read, with the line.
    """
    local = expanded(path)
    if local.is_dir():
        return read_folders(local)
    suffix = _suffix(path)
    if suffix == ".npz":
        return read_keras_arrays(local, part)
    if suffix in (".jsonl", ".ndjson", ".json"):
        found = _json_lines(path, text_column, label_column, needs_label)
    else:
        rows = _csv_rows(path) if suffix == ".csv" else _tsv_rows(path)
        found = _table(path, list(rows), text_column, label_column, needs_label)
    return _with_labels(path, *found, label_delimiter, needs_label)


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in COMPRESSED_SUFFIXES), "")


def _tsv_rows(path: str) -> Iterator[_Row]:
    for number, line in enumerate(read_lines(path), start=1):
        yield number, line.split("\t")


def _csv_rows(path: str) -> Iterator[_Row]:
    with _any_field_size():
        reader = csv.reader((line + "\n" for line in read_lines(path)), strict=True)
        try:
            start = 1
            for row in reader:
                yield start, row
                start = reader.line_num + 1
        except csv.Error as error:
            raise TextError(f"{path}:{start}: not valid CSV: {error}") from None


@contextmanager
def _any_field_size() -> Iterator[None]:
    """Let a field be as long as it is; the limit belongs to the whole program."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


_Found = tuple[list[str], list[Any], list[int], str]  # texts, labels, line numbers, note


def _table(path: str, rows: list[_Row], text: str | None, label: str | None, needs_label: bool) -> _Found:
    rows = [(number, row) for number, row in rows if row and row != [""]]
    if not rows:
        raise TextError(f"{path}: no texts: the file is empty")
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise TextError(
                f"{path}:{number}: expected {width} columns, as in the first line, got {len(row)}"
            )
    columns: Columns = choose_columns(path, [row for _, row in rows], text, label, needs_label=needs_label)
    rows = rows[columns.has_header :]
    return (
        [row[columns.text] for _, row in rows],
        [None if columns.label is None else row[columns.label] for _, row in rows],
        [number for number, _ in rows],
        columns.note,
    )


def _json_lines(path: str, text: str | None, label: str | None, needs_label: bool) -> _Found:
    texts: list[str] = []
    labels: list[Any] = []
    numbers: list[int] = []
    note = ""
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TextError(
                f"{path}:{number}: not valid JSON: {error}: expected one object per line"
            ) from None
        if not isinstance(values, dict):
            raise TextError(f"{path}:{number}: expected a JSON object, got {type(values).__name__}")
        if not numbers:
            note = "" if text is not None and label is not None else "guessed "
            text = _key(f"{path}:{number}", values, text, "text", TEXT_NAMES)
            if label is not None or needs_label or any(name in values for name in LABEL_NAMES):
                label = _key(f"{path}:{number}", values, label, "label", LABEL_NAMES)
            if note:
                note = f"texts: {text!r}" + (f", labels: {label!r}" if label is not None else "")
        assert text is not None
        for key in (text, *([label] if label is not None else [])):
            if key not in values:
                raise TextError(f"{path}:{number}: no {key!r}: there are {', '.join(map(repr, values))}")
        texts.append(_json_text(f"{path}:{number}: {text}", values[text]))
        labels.append(None if label is None else values[label])
        numbers.append(number)
    return texts, labels, numbers, note


def _key(place: str, values: dict[str, Any], wanted: str | None, kind: str, names: Sequence[str]) -> str:
    if wanted is not None:
        return wanted
    for name in names:
        if name in values:
            return name
    raise TextError(
        f"{place}: cannot tell which key is the {kind}: name it (--{kind}-column); there are "
        + ", ".join(map(repr, values))
    )


def _json_text(place: str, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(token, str) for token in value):
        return " ".join(value)
    if not isinstance(value, str):
        raise TextError(f"{place}: expected a string, got {json.dumps(value)[:40]}")
    return value


def _with_labels(
    path: str,
    texts: list[str],
    labels: list[Any],
    numbers: list[int],
    note: str,
    delimiter: str | None,
    needs_label: bool,
) -> LabelledTexts:
    if not texts:
        raise TextError(f"{path}: no texts: expected at least one line besides the header")
    is_multi_label = delimiter is not None or any(isinstance(label, list) for label in labels)
    read = _several_labels if is_multi_label else _one_label
    found: list[tuple[str, ...]] = []
    for number, label in zip(numbers, labels, strict=True):
        if label is None and not needs_label:
            found.append(())
        else:
            found.append(read(f"{path}:{number}", label, delimiter))
    return LabelledTexts(
        texts, found, [f"{path}:{number}" for number in numbers], is_multi_label, source=path, note=note
    )


_Read = Callable[[str, Any, str | None], tuple[str, ...]]


def _one_label(place: str, label: Any, delimiter: str | None) -> tuple[str, ...]:
    name = _label_name(place, label)
    if not name:
        raise TextError(f"{place}: no label: expected one for each text")
    return (name,)


def _several_labels(place: str, labels: Any, delimiter: str | None) -> tuple[str, ...]:
    parts = labels if isinstance(labels, list) else str(_label_name(place, labels)).split(delimiter)
    names = (_label_name(place, part) for part in parts)
    return tuple(dict.fromkeys(name for name in names if name))


def _label_name(place: str, label: Any) -> str:
    if isinstance(label, bool | int | float):
        return json.dumps(label)
    if not isinstance(label, str):
        raise TextError(f"{place}: expected a label, got {json.dumps(label)[:40]}")
    return label.strip()

"""Which columns of a table are the text and the label: named by the user, or guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from elmokit.errors import TextError

TEXT_NAMES = ("text", "tokens", "sentence", "review", "document", "content", "body", "comment", "tweet")
LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "target", "rating", "polarity", "y")


class Columns(NamedTuple):
    """Places of the columns of a table."""

    text: int
    label: int | None
    """None if the table has texts only, and no labels are needed."""
    has_header: bool
    note: str
    """What was guessed; empty if nothing was."""


def choose_columns(
    place: str,
    rows: Sequence[Sequence[str]],
    text: str | None,
    label: str | None,
    *,
    needs_label: bool = True,
) -> Columns:
    """Choose the columns of a table.

    Args:
        place: what messages call the table.
        rows: its rows; the first one may be a header.
        text: name of the column of texts, or its number from 1; None to guess.
        label: that of labels.
        needs_label: whether there must be labels.

    Raises:
        TextError: if there is no such column, or it cannot be guessed.
    """
    first = [name.strip() for name in rows[0]]
    folded = [name.casefold() for name in first]
    guessed_text = next((folded.index(name) for name in TEXT_NAMES if name in folded), None)
    guessed_label = next((folded.index(name) for name in LABEL_NAMES if name in folded), None)
    named = [own for own in (text, label) if own is not None and not own.isdecimal()]
    has_header = bool(named) or guessed_text is not None or guessed_label is not None
    chosen_text = _chosen(place, first, text) if text is not None else guessed_text
    chosen_label = _chosen(place, first, label) if label is not None else guessed_label
    if not has_header and len(first) == 2 and (chosen_text is None or chosen_label is None):
        chosen_text, chosen_label = _by_content(place, rows, chosen_text, chosen_label)
    elif not has_header and len(first) == 1 and not needs_label:
        chosen_text = 0
    for kind, chosen, needed in (("text", chosen_text, True), ("label", chosen_label, needs_label)):
        if chosen is None and needed:
            raise TextError(
                f"{place}: cannot tell which column is the {kind}: name it (--{kind}-column) or give its "
                f"number from 1; the first line has {', '.join(map(repr, first[:20]))}"
            )
    assert chosen_text is not None
    if chosen_text == chosen_label:
        raise TextError(f"{place}: the text and the label are the same column, {first[chosen_text]!r}")
    if not needs_label and label is None and guessed_label is None:
        chosen_label = None
    note = (
        "" if text is not None and label is not None else _note(first, chosen_text, chosen_label, has_header)
    )
    return Columns(chosen_text, chosen_label, has_header, note)


def _chosen(place: str, names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise TextError(f"{place}: no column {wanted!r}: there are {', '.join(map(repr, names[:20]))}")


def _by_content(
    place: str, rows: Sequence[Sequence[str]], text: int | None, label: int | None
) -> tuple[int, int]:
    """Tell the columns of a table of two apart: there are fewer labels than texts, and they are shorter."""
    if text is None and label is None:
        distinct = [(len({row[k] for row in rows}), sum(len(row[k]) for row in rows)) for k in (0, 1)]
        label = 0 if distinct[0] < distinct[1] else 1
    if label is None:
        assert text is not None
        label = 1 - text
    labels = [row[label] for row in rows]
    if len(rows) > 3 and labels.count(labels[0]) == 1 and len(set(labels[1:])) <= len(labels[1:]) // 2:
        raise TextError(
            f"{place}: the first line may be a header: its {labels[0]!r} is the label of no other line: "
            "name the columns (--text-column, --label-column), or give their numbers from 1 if it is not"
        )
    return 1 - label, label


def _note(names: Sequence[str], text: int, label: int | None, has_header: bool) -> str:
    def shown(column: int) -> str:
        return repr(names[column]) if has_header else f"{column + 1}"

    header = "" if has_header else ", no header"
    return (
        f"texts: column {shown(text)}"
        + (f", labels: column {shown(label)}" if label is not None else "")
        + header
    )

"""Warnings about text that can be read, but does not look like tokenized sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import PurePath

from elmokit.console import terminal
from elmokit.data.read import read_lines
from elmokit.data.text_file import TextFile

MANY_UNKNOWN = 0.1
"""Share of unknown tokens above which perplexity says little."""

_TABLES = frozenset((".csv", ".tsv", ".json", ".jsonl", ".ndjson"))
_MARKS = frozenset(",;:!?،؛؟")  # not the full stop, which abbreviations keep
_SAMPLE_LINES = 1000
_FEW = 3  # attached marks are an accident


def warn_of_form(files: Sequence[TextFile]) -> None:
    """Warn if a text is named like a table, or its punctuation is attached to words.

    Only the beginning of the first file is read, if it is a regular one on a disk.

    Args:
        files: of the text.

    Raises:
        TextError: if it cannot be read.
    """
    tables = [file for file in files if _TABLES & {*PurePath(file.path).suffixes[-2:]}]
    if tables:
        terminal.warn(
            f"{tables[0]}: read as text, where every line is a sentence, a header too, and "
            "columns are words: take the column of the sentences out first"
        )
    if not files or files[0].status is None:  # reading a pipe here would take its text away
        return
    attached, alone = punctuation(islice(read_lines(files[0]), _SAMPLE_LINES))
    if len(attached) >= _FEW and len(attached) > alone:
        terminal.warn(
            f"this text does not look tokenized: for elmokit, {attached[0]!r} is one word, and another one "
            f"than {attached[0][:-1]!r}. Put spaces around punctuation with a tokenizer, the same one as for "
            "the text that the model was trained on"
        )


def punctuation(lines: Iterable[str]) -> tuple[list[str], int]:
    """Return the tokens that end with a mark after a letter, and the number of marks that are tokens."""
    attached: list[str] = []
    alone = 0
    for line in lines:
        for token in line.split():
            if token in _MARKS:
                alone += 1
            elif token[-1] in _MARKS and token[-2].isalpha():
                attached.append(token)
    return attached, alone

"""The characters and words of an ELMoForManyLangs model, and the ids of their occurrences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.data.indexers import TokenIds
from elmokit.errors import ModelFileError
from elmokit.files.atomic import write_text
from elmokit.files.json_table import read_json_table

BOS, EOS = "<bos>", "<eos>"
BEGIN_WORD, END_WORD, UNKNOWN, PADDING = "<bow>", "<eow>", "<oov>", "<pad>"
CHARACTER_SPECIALS = (BOS, EOS, BEGIN_WORD, END_WORD, UNKNOWN, PADDING)
WORD_SPECIALS = (UNKNOWN, PADDING)
MIN_CHARACTERS, MAX_CHARACTERS = len(BOS) + 2, 10_000  # sentence markers must not be cut

_MAX_REPORTED = 3  # wrong ids


@dataclass(frozen=True)
class Lexicon:
    """Turns words into the ids of their code points, of whole words, or both."""

    characters: Mapping[str, int] | None
    """Ids of code points and :data:`CHARACTER_SPECIALS`; None for a model without characters."""
    words: Mapping[str, int] | None
    """Ids of words and :data:`WORD_SPECIALS`; None for a model without words."""
    max_characters: int
    """Length C of a row of characters; longer words are cut, also for looking them up."""

    @property
    def bos(self) -> str:
        """The token before a sentence."""
        return BOS

    @property
    def eos(self) -> str:
        """The token after a sentence."""
        return EOS

    def index(self, words: Sequence[str]) -> TokenIds:
        """Return character ids (U, C) and word ids (U,), as far as the model has them."""
        words = [word[: self.max_characters - 2] for word in words]
        char_ids = word_ids = None
        if self.characters is not None:
            char_ids = self._rows(self.characters, words, self.max_characters)
        if self.words is not None:
            unknown = self.words[UNKNOWN]
            word_ids = np.array([self.words.get(word, unknown) for word in words], dtype=np.int64)
        return TokenIds(char_ids, word_ids)

    @staticmethod
    def _rows(characters: Mapping[str, int], words: Sequence[str], num_columns: int) -> np.ndarray:
        rows = np.full((len(words), num_columns), characters[PADDING], dtype=np.int64)
        unknown = characters[UNKNOWN]
        for row, word in zip(rows, words, strict=True):
            symbols = (word,) if word in (BOS, EOS) else word
            ids = [characters.get(symbol, unknown) for symbol in symbols]
            # ELMoForManyLangs swaps the markers of beginning and end.
            row[: len(ids) + 2] = [characters[END_WORD], *ids, characters[BEGIN_WORD]]
        return rows

    @property
    def num_symbols(self) -> int | None:
        """Number of character ids; None without characters."""
        return None if self.characters is None else len(self.characters)

    @property
    def num_words(self) -> int | None:
        """Number of word ids; None without words."""
        return None if self.words is None else len(self.words)

    def save(self, path: Path) -> None:
        """Write the lexicon as JSON.

        Raises:
            OutputError: when the file cannot be written.
        """
        write_text(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """Read a file that :meth:`save` has written.

        Raises:
            ModelFileError: when the file is missing or damaged; the message lists all errors.
        """
        values = read_json_table(path)
        keys = {"characters", "words", "max_characters"}
        if values.keys() != keys:
            raise ModelFileError(f"{path}: expected {', '.join(sorted(keys))}")
        problems = [
            *_problems(values["characters"], CHARACTER_SPECIALS, "characters"),
            *_problems(values["words"], WORD_SPECIALS, "words"),
        ]
        length = values["max_characters"]
        if type(length) is not int or not MIN_CHARACTERS <= length <= MAX_CHARACTERS:
            problems.append(f"max_characters: expected {MIN_CHARACTERS} to {MAX_CHARACTERS}, got {length!r}")
        if problems:
            raise ModelFileError(f"{path}: " + "; ".join(problems))
        return cls(**values)


def _problems(ids: Any, specials: Sequence[str], name: str) -> list[str]:
    if ids is None:
        return []
    if not isinstance(ids, dict) or not all(type(id_) is int for id_ in ids.values()):
        return [f"{name}: expected a table of ids"]
    return [f"{name}: {problem}" for problem in id_problems(ids, specials)]


def id_problems(ids: Mapping[str, int], specials: Sequence[str]) -> list[str]:
    """Return what is wrong with a table of ids: missing specials, ids beyond its size, duplicate ids.

    Args:
        ids: the id of each entry; they should be 0 to ``len(ids) - 1``.
        specials: entries that must be present.
    """
    problems = [f"{special} missing" for special in specials if special not in ids]
    first: dict[int, str] = {}
    wrong: list[str] = []
    for entry, id_ in ids.items():
        if not 0 <= id_ < len(ids):
            wrong.append(f"{entry!r} has the id {id_}, expected 0 to {len(ids) - 1}")
        elif first.setdefault(id_, entry) != entry:
            wrong.append(f"{entry!r} has the same id as {first[id_]!r}, {id_}")
    if len(wrong) > _MAX_REPORTED:
        wrong = [*wrong[:_MAX_REPORTED], f"and {len(wrong) - _MAX_REPORTED} more ids like these"]
    return problems + wrong

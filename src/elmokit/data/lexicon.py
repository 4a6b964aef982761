"""The alphabet and the words of an ELMoForManyLangs model, and how it spells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.data.indexers import Spelled
from elmokit.errors import ModelFileError
from elmokit.files.atomic import write_text
from elmokit.files.json_table import read_json_table

BOS, EOS = "<bos>", "<eos>"
BEGIN_WORD, END_WORD, UNKNOWN, PADDING = "<bow>", "<eow>", "<oov>", "<pad>"
CHARACTER_SPECIALS = (BOS, EOS, BEGIN_WORD, END_WORD, UNKNOWN, PADDING)
WORD_SPECIALS = (UNKNOWN, PADDING)
MIN_CHARACTERS, MAX_CHARACTERS = len(BOS) + 2, 10_000  # the markers of a sentence must not be cut


@dataclass(frozen=True)
class Lexicon:
    """Spells words by code points of an alphabet, by ids of a list of words, or both."""

    characters: Mapping[str, int] | None
    """Code points and :data:`CHARACTER_SPECIALS`; None for a model without characters."""
    words: Mapping[str, int] | None
    """Words and :data:`WORD_SPECIALS`; None for a model without words."""
    max_characters: int
    """Places of a row; longer words are cut, before they are looked up as well."""

    @property
    def bos(self) -> str:
        """The token before a sentence."""
        return BOS

    @property
    def eos(self) -> str:
        """The token after a sentence."""
        return EOS

    def spell(self, words: Sequence[str]) -> Spelled:
        """Character rows (U, C) and word ids (U,), as the model has them."""
        words = [word[: self.max_characters - 2] for word in words]
        char_ids = word_ids = None
        if self.characters is not None:
            char_ids = self._rows(self.characters, words, self.max_characters)
        if self.words is not None:
            unknown = self.words[UNKNOWN]
            word_ids = np.array([self.words.get(word, unknown) for word in words], dtype=np.int64)
        return Spelled(char_ids, word_ids)

    @staticmethod
    def _rows(characters: Mapping[str, int], words: Sequence[str], num_places: int) -> np.ndarray:
        rows = np.full((len(words), num_places), characters[PADDING], dtype=np.int64)
        unknown = characters[UNKNOWN]
        for row, word in zip(rows, words, strict=True):
            symbols = (word,) if word in (BOS, EOS) else word
            ids = [characters.get(symbol, unknown) for symbol in symbols]
            # The package takes the marker of the end for the begin and the other way round.
            row[: len(ids) + 2] = [characters[END_WORD], *ids, characters[BEGIN_WORD]]
        return rows

    @property
    def num_symbols(self) -> int | None:
        """Size of the alphabet; None without characters."""
        return None if self.characters is None else len(self.characters)

    @property
    def num_words(self) -> int | None:
        """Size of the list of words; None without words."""
        return None if self.words is None else len(self.words)

    def save(self, path: Path) -> None:
        """Write the lexicon as JSON."""
        write_text(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """Read what :meth:`save` wrote.

        Raises:
            ModelFileError: when the file is missing or damaged; all faults are named.
        """
        values = read_json_table(path)
        keys = {"characters", "words", "max_characters"}
        if values.keys() != keys:
            raise ModelFileError(f"{path}: expected {', '.join(sorted(keys))}")
        faults = [
            *_faults(values["characters"], CHARACTER_SPECIALS, "characters"),
            *_faults(values["words"], WORD_SPECIALS, "words"),
        ]
        places = values["max_characters"]
        if type(places) is not int or not MIN_CHARACTERS <= places <= MAX_CHARACTERS:
            faults.append(f"max_characters: expected {MIN_CHARACTERS} to {MAX_CHARACTERS}, got {places!r}")
        if faults:
            raise ModelFileError(f"{path}: " + "; ".join(faults))
        return cls(**values)


def _faults(ids: Any, specials: Sequence[str], name: str) -> list[str]:
    if ids is None:
        return []
    if not isinstance(ids, dict) or not all(type(id_) is int for id_ in ids.values()):
        return [f"{name}: expected a table of numbers"]
    return [f"{name}: {fault}" for fault in id_faults(ids, specials)]


def id_faults(ids: Mapping[str, int], specials: Sequence[str]) -> list[str]:
    """What is wrong with a table of ids: specials that are missing, ids beyond its size or given twice."""
    faults = [f"{special} missing" for special in specials if special not in ids]
    first: dict[int, str] = {}
    wrong = []
    for entry, id_ in ids.items():
        if not 0 <= id_ < len(ids):
            wrong.append(f"{entry!r} has the id {id_}, expected 0 to {len(ids) - 1}")
        elif first.setdefault(id_, entry) != entry:
            wrong.append(f"{entry!r} has the id {id_} of {first[id_]!r}")
    more = [f"and {len(wrong) - 3} more ids like these"] if len(wrong) > 3 else []
    return faults + wrong[:3] + more

"""A vocabulary: words and their ids."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from elmokit.arguments import checked, described, instance_of, strings, whole_number
from elmokit.data.read import is_storable, read_lines
from elmokit.errors import ConfigError, VocabularyError
from elmokit.files import atomic
from elmokit.files.checksums import text_checksum
from elmokit.files.home import expanded

BOS, EOS, UNK = "<S>", "</S>", "<UNK>"
BOS_ID, EOS_ID, UNK_ID = 0, 1, 2

_SPECIALS = (BOS, EOS, UNK)
NUM_SPECIALS = len(_SPECIALS)
_IGNORED = "!!!MAXTERMID"  # a line of the billion-word vocabulary that is not a word
_REMEDY = "create the vocabulary with `elmokit vocabulary`"


def _word_number(index: int) -> str:
    return f"word {index + 1}"


_KIND = atomic.kind_by_beginning("a vocabulary", rb"(.*\n){0,2}<S>\r?\n")


class Vocabulary:
    """An immutable list of words; a word's id is its index in the list.

    Args:
        words: ``<S>``, ``</S>``, ``<UNK>``, then the words in order of descending frequency.
        location: Returns the location of the word at an index, for error messages; "word 5" by default.
        place: Deprecated name of ``location``.

    Raises:
        VocabularyError: If the first three words are not the special ones, or a word is empty, contains white
            space, or occurs twice.
    """

    def __init__(
        self,
        words: Sequence[str],
        location: Callable[[int], str] = _word_number,
        *,
        place: Callable[[int], str] | None = None,
    ) -> None:
        if place is not None:
            warnings.warn(
                "the argument place of Vocabulary is now location", DeprecationWarning, stacklevel=2
            )
            location = place
        self._words = tuple(strings("words", words))
        _validate(self._words, location)
        self._ids = _ids_of(self._words)

    @property
    def words(self) -> tuple[str, ...]:
        """All words in the order of their ids, the specials first."""
        return self._words

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __getitem__(self, word_id: int) -> str:
        return self._words[word_id]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} words)"

    def id_of(self, word: str) -> int:
        """Return the id of a word, or that of ``<UNK>`` if it is not in the vocabulary."""
        if not isinstance(word, str):
            raise ConfigError(f"word: expected a string, got {described(word)}")
        return self._ids.get(word, UNK_ID)

    @cached_property
    def fingerprint(self) -> str:
        """Checksum of the words in their order, in hexadecimal: equal for equal vocabularies only."""
        return text_checksum("\n".join(self._words))

    @classmethod
    def of_rows(cls, words: Sequence[str], location: Callable[[int], str] = _word_number) -> Vocabulary:
        """Return the vocabulary of a trained model, whose words are the rows of its tensors.

        A word that no token can match, such as one with a space in it, keeps its row but is never looked up,
        and neither is a word that occurs again later: the original uses the last row of a word. Such rows
        are :attr:`unreachable`.

        Args:
            words: All rows, beginning with the special words; these are looked up in the first three rows.
            location: As for the constructor.

        Raises:
            VocabularyError: If the first three words are not the special ones.
        """
        vocabulary = cls.__new__(cls)
        vocabulary._words = tuple(strings("words", words))
        _require_specials(vocabulary._words, location)
        vocabulary._ids = _ids_of(vocabulary._words)
        return vocabulary

    @cached_property
    def unreachable(self) -> tuple[int, ...]:
        """Ids that no word has, in ascending order; only the vocabulary of a model may have any."""
        if len(self._ids) == len(self._words):
            return ()
        used = set(self._ids.values())
        return tuple(word_id for word_id in range(len(self._words)) if word_id not in used)

    def without_unreachable(self) -> Vocabulary:
        """Return a vocabulary of the words that can be looked up, in the same order."""
        if not self.unreachable:
            return self
        unreachable = set(self.unreachable)
        return Vocabulary([word for word_id, word in enumerate(self._words) if word_id not in unreachable])

    @classmethod
    @checked
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary file, one word per line, plain or compressed.

        Lines are stripped; ``!!!MAXTERMID`` and blank lines at the end are skipped.

        Raises:
            VocabularyError: As for the constructor, with the file and line.
            TextError: If the file cannot be read or is not UTF-8.
        """
        words, line_numbers = _read_words(path)
        return cls(words, location=lambda index: f"{path}:{line_numbers[index]}")

    @classmethod
    @checked
    def load_rows(cls, path: str | Path, num_rows: int | None = None) -> Vocabulary:
        """Read the vocabulary of a trained model, whose lines are rows of its tensors; see :meth:`of_rows`.

        Args:
            path: The file.
            num_rows: Number of rows, if known: a blank line at the end may be one of them.

        Raises:
            VocabularyError: If the first three words are not the special ones.
            TextError: If the file cannot be read or is not UTF-8.
        """
        words, line_numbers = _read_words(path, num_rows)
        return cls.of_rows(words, location=lambda index: f"{path}:{line_numbers[index]}")

    @classmethod
    @checked
    def load_in_any_order(cls, path: str | Path, num_rows: int | None = None) -> tuple[Vocabulary, list[int]]:
        """Read a vocabulary of a trained model whose special words may be anywhere, as in published models.

        Args:
            path: The file.
            num_rows: As for :meth:`load_rows`.

        Returns:
            The vocabulary, and for each of its words the index in the file, which is its row in the model's
            tensors.

        Raises:
            VocabularyError: If a special word is missing.
            TextError: If the file cannot be read or is not UTF-8.
        """
        words, _ = _read_words(path, num_rows)
        row_of = {word: row for row, word in enumerate(words)}
        missing = [special for special in _SPECIALS if special not in row_of]
        if missing:
            raise VocabularyError(f"{path}: no line is {' or '.join(missing)}: not the vocabulary of a biLM")
        specials = [row_of[special] for special in _SPECIALS]
        rows = [*specials, *(row for row in range(len(words)) if row not in specials)]
        return cls.of_rows([words[row] for row in rows]), rows

    @checked
    def save(self, path: str | Path) -> None:
        """Write one word per line; the file is replaced atomically.

        Raises:
            OutputError: If the file cannot be written.
        """
        atomic.write_text(expanded(path), "\n".join(self._words) + "\n", _KIND)

    @classmethod
    @checked
    def from_counts(
        cls, counts: Mapping[str, int], *, min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """Create a vocabulary of the most frequent words.

        Words are sorted by descending frequency, those of equal frequency by their code points. The special
        words are not counted as words.

        Args:
            counts: Number of occurrences of each word.
            min_count: Leave out words that occur less often.
            max_size: Largest number of entries, the three special ones included; None for no limit.

        Raises:
            VocabularyError: If no word is left, or a word could not be a token.
        """
        instance_of("counts", counts, Mapping, "numbers by word")  # type: ignore[type-abstract]
        min_count = whole_number("min_count", min_count)
        max_size = None if max_size is None else whole_number("max_size", max_size)
        if max_size is not None and max_size <= len(_SPECIALS):
            raise VocabularyError(
                f"max_size is {max_size}, expected at least {len(_SPECIALS) + 1}: "
                f"{', '.join(_SPECIALS)} and one word"
            )
        for word, count in counts.items():
            if type(count) is not int or type(word) is not str:
                whole_number(f"counts[{described(word)}]", count)
                strings("counts", [word])
        words = [
            word
            for word, count in counts.items()
            if count >= min_count and word not in _SPECIALS and word != _IGNORED
        ]
        if not words:
            highest = max((count for word, count in counts.items() if word not in _SPECIALS), default=0)
            raise VocabularyError(
                f"no word occurs at least {min_count} times, the most frequent one occurs {highest} times: "
                "lower the minimum count or add text"
            )
        words.sort(key=lambda word: (-counts[word], word))
        return cls((*_SPECIALS, *words)[:max_size])


def _ids_of(words: Sequence[str]) -> dict[str, int]:
    """Return the id of each word that a token can match."""
    ids = {word: index for index, word in enumerate(words) if word.split() == [word] and is_storable(word)}
    return ids | {special: index for index, special in enumerate(_SPECIALS)}


def _read_words(path: str | Path, num_rows: int | None = None) -> tuple[list[str], list[int]]:
    """Return the words of a file and their line numbers.

    Blank lines at the end are left out, unless they are needed for ``num_rows`` words.
    """
    words: list[str] = []
    line_numbers: list[int] = []
    for number, line in enumerate(read_lines(path), start=1):
        word = line.strip()
        if word != _IGNORED:
            words.append(word)
            line_numbers.append(number)
    while words and not words[-1] and len(words) != num_rows:
        words.pop()
    if not words:
        raise VocabularyError(f"{path}: the file is empty, expected one word per line: {_REMEDY}")
    return words, line_numbers


def _validate(words: Sequence[str], location: Callable[[int], str]) -> None:
    """Refuse a list of words that would damage a model.

    The original accepted such lists: it used the last word in place of a missing marker, and the later id of
    a duplicate, so that one row of the softmax was never trained.
    """
    _require_specials(words, location)
    for index, word in enumerate(words):
        if word.split() != [word]:
            if not word:
                raise VocabularyError(
                    f"{location(index)}: blank, expected a word: remove the line or {_REMEDY}"
                )
            raise VocabularyError(
                f"{location(index)}: {word!r} contains white space, so no token can match it; "
                f"expected a single word: {_REMEDY}"
            )
        if not is_storable(word):
            raise VocabularyError(
                f"{location(index)}: {word!r} contains a NUL character or half of a surrogate pair, "
                "which a text file cannot store"
            )
        if word == _IGNORED:
            raise VocabularyError(
                f"{location(index)}: {_IGNORED} is skipped in files, so it cannot be a word"
            )
    num_duplicates = len(words) - len(set(words))
    if num_duplicates:
        first: dict[str, int] = {}
        index, word = next((i, word) for i, word in enumerate(words) if first.setdefault(word, i) != i)
        more = f" (and {num_duplicates - 1} more duplicates)" if num_duplicates > 1 else ""
        raise VocabularyError(
            f"{location(index)}: {word!r} already occurs at {location(first[word])}{more}; "
            f"expected each word once: {_REMEDY}"
        )


def _require_specials(words: Sequence[str], location: Callable[[int], str]) -> None:
    for index, special in enumerate(_SPECIALS):
        if index >= len(words) or words[index] != special:
            got = f"got {words[index]!r}" if index < len(words) else "the list ends here"
            raise VocabularyError(
                f"{location(max(0, min(index, len(words) - 1)))}: {got}, expected {special} "
                f"(the first three words are {', '.join(_SPECIALS)}): {_REMEDY}"
            )

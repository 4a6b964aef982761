"""Words and their ids: count them, keep the frequent ones, load and save the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elmokit.data.read import is_storable, read_lines, read_sentences
from elmokit.errors import TextError, VocabularyError
from elmokit.files import atomic
from elmokit.files.checksums import text_checksum

BOS, EOS, UNK = "<S>", "</S>", "<UNK>"
BOS_ID, EOS_ID, UNK_ID = 0, 1, 2

_SPECIALS = (BOS, EOS, UNK)
NUM_SPECIALS = len(_SPECIALS)
_IGNORED = "!!!MAXTERMID"  # a line of the billion-word vocabulary that is not a word
_ADVICE = "make the vocabulary with `elmokit vocabulary`"


def _word_number(index: int) -> str:
    return f"word {index + 1}"


class Vocabulary:
    """An immutable list of words; a word's id is its place in the list.

    Args:
        words: ``<S>``, ``</S>``, ``<UNK>``, then the words by falling count.
        place: Says where the word of an index stands, for the errors; "word 5" by default.

    Raises:
        VocabularyError: when the specials are not the first three words, or when a word is empty,
            holds white space or occurs twice.
    """

    def __init__(self, words: Sequence[str], place: Callable[[int], str] = _word_number) -> None:
        self._words = tuple(words)
        _validate(self._words, place)
        self._ids = {word: index for index, word in enumerate(self._words)}

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
        return f"Vocabulary({len(self)} words)"

    def id_of(self, word: str) -> int:
        """The id of ``word``, or that of ``<UNK>`` where it is not in the vocabulary."""
        return self._ids.get(word, UNK_ID)

    @cached_property
    def fingerprint(self) -> str:
        """A hash in hexadecimal that two vocabularies share only when they are equal."""
        return text_checksum("\n".join(self._words))

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary file, one word a line, plain or compressed.

        Lines are stripped; ``!!!MAXTERMID`` and blank lines at the end are skipped.

        Raises:
            VocabularyError: as the constructor, naming file and line.
            TextError: when the file cannot be read or is not UTF-8.
        """
        words, line_numbers = _read_words(path)
        return cls(words, place=lambda index: f"{path}:{line_numbers[index]}")

    @classmethod
    def load_in_any_order(cls, path: str | Path) -> tuple[Vocabulary, list[int]]:
        """Read a vocabulary file whose specials may stand anywhere, as those of published models do.

        Returns:
            The vocabulary, and for each of its words the place that the file gives it, which is the
            row of the model's tensors.

        Raises:
            VocabularyError: when a special is missing, and as :meth:`load`.
            TextError: when the file cannot be read or is not UTF-8.
        """
        words, line_numbers = _read_words(path)
        missing = [special for special in _SPECIALS if special not in words]
        if missing:
            raise VocabularyError(f"{path}: no line is {' or '.join(missing)}: not the vocabulary of a biLM")
        specials = [words.index(special) for special in _SPECIALS]
        rows = [*specials, *(row for row in range(len(words)) if row not in specials)]
        vocabulary = cls(
            [words[row] for row in rows], place=lambda index: f"{path}:{line_numbers[rows[index]]}"
        )
        return vocabulary, rows

    def save(self, path: str | Path) -> None:
        """Write one word a line; the file appears whole or not at all.

        Raises:
            OutputError: when it cannot be written.
        """
        atomic.write_text(Path(path), "\n".join(self._words) + "\n")

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], *, min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """Make a vocabulary of the most frequent words.

        Words come by falling count, those of equal count by their code points. The specials are
        never counted as words.

        Args:
            counts: How often each word occurs.
            min_count: Words that occur less often are left out.
            max_size: The most entries to keep, the three specials included; None for no limit.

        Raises:
            VocabularyError: when no word is left, or a word could not be a token.
        """
        if max_size is not None and max_size <= len(_SPECIALS):
            raise VocabularyError(
                f"max_size is {max_size}, expected at least {len(_SPECIALS) + 1}: "
                f"{', '.join(_SPECIALS)} and a word"
            )
        words = [
            word
            for word, count in counts.items()
            if count >= min_count and word not in _SPECIALS and word != _IGNORED
        ]
        if not words:
            highest = max((count for word, count in counts.items() if word not in _SPECIALS), default=0)
            raise VocabularyError(
                f"no word occurs at least {min_count} times, the most frequent one {highest} times: "
                "lower the minimum count or give more text"
            )
        words.sort(key=lambda word: (-counts[word], word))
        return cls((*_SPECIALS, *words)[:max_size])


def _read_words(path: str | Path) -> tuple[list[str], list[int]]:
    """The words of a file and their line numbers."""
    words: list[str] = []
    line_numbers: list[int] = []
    for number, line in enumerate(read_lines(str(path)), start=1):
        word = line.strip()
        if word != _IGNORED:
            words.append(word)
            line_numbers.append(number)
    while words and not words[-1]:
        words.pop()
    if not words:
        raise VocabularyError(f"{path}: the file is empty, expected a word on each line: {_ADVICE}")
    return words, line_numbers


@dataclass(frozen=True)
class WordCounts:
    """What :func:`count_words` found: how often each word occurs, and how much text there was."""

    counts: Counter[str]
    num_tokens: int
    num_sentences: int
    num_blank_lines: int


def count_words(paths: Sequence[str], on_bytes: Callable[[int], None] | None = None) -> WordCounts:
    """Count the words of tokenized texts.

    Args:
        paths: Files as :func:`elmokit.data.read.find_texts` returns them.
        on_bytes: Told now and then how many further bytes were read.

    Raises:
        TextError: when a text cannot be read, or when all of them together hold no token.
    """
    counts: Counter[str] = Counter()
    num_tokens = num_sentences = num_blank_lines = 0
    for path in paths:
        for tokens in read_sentences(path, on_bytes):
            if tokens:
                counts.update(tokens)
                num_tokens += len(tokens)
                num_sentences += 1
            else:
                num_blank_lines += 1
    if not num_tokens:
        raise no_token_error(paths)
    return WordCounts(counts, num_tokens, num_sentences, num_blank_lines)


def no_token_error(paths: Sequence[str]) -> TextError:
    """The error for texts that are empty or hold only blank lines; names the first files."""
    names = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return TextError(
        f"no token in the text ({names or 'no file'}): "
        "expected sentences, one a line, tokens separated by spaces"
    )


def _validate(words: Sequence[str], place: Callable[[int], str]) -> None:
    """Refuse a list of words that would damage a model; ``place`` says where a word stands.

    The original took such lists: without the markers it used the last word in their stead, and of
    duplicates the later id, so that a softmax row was never trained.
    """
    for index, special in enumerate(_SPECIALS):
        if index >= len(words) or words[index] != special:
            got = f"got {words[index]!r}" if index < len(words) else "the list ends before it"
            raise VocabularyError(
                f"{place(max(0, min(index, len(words) - 1)))}: {got}, expected {special} "
                f"(the first three words are {', '.join(_SPECIALS)}): {_ADVICE}"
            )
    for index, word in enumerate(words):
        if word.split() != [word]:
            if not word:
                raise VocabularyError(f"{place(index)}: blank, expected a word: remove the line or {_ADVICE}")
            raise VocabularyError(
                f"{place(index)}: {word!r} holds white space, so no token can match it; "
                f"expected one word alone: {_ADVICE}"
            )
        if not is_storable(word):
            raise VocabularyError(
                f"{place(index)}: {word!r} holds NUL or half of a surrogate pair, so no file can hold it"
            )
        if word == _IGNORED:
            raise VocabularyError(f"{place(index)}: {_IGNORED} is skipped in files, so it cannot be a word")
    num_duplicates = len(words) - len(set(words))
    if num_duplicates:
        first: dict[str, int] = {}
        index, word = next((i, word) for i, word in enumerate(words) if first.setdefault(word, i) != i)
        more = f" (and {num_duplicates - 1} more duplicates)" if num_duplicates > 1 else ""
        raise VocabularyError(
            f"{place(index)}: {word!r} stands already at {place(first[word])}{more}; "
            f"expected each word once: {_ADVICE}"
        )

"""Count the words of texts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from elmokit.arguments import whole_number
from elmokit.data.corpus import open_corpus, verify_checksums
from elmokit.data.find import prepared_directory
from elmokit.data.read import no_token_error
from elmokit.data.text_file import look_up
from elmokit.data.text_parts import TextPart, divide, map_parts, read_parts
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.processes import MOST_PROCESSES


@dataclass(frozen=True)
class WordCounts:
    """Word counts of a text, and its size."""

    counts: Counter[str]
    num_tokens: int
    num_sentences: int
    num_blank_lines: int


def count_words(
    paths: Sequence[str | os.PathLike[str]],
    on_bytes: Callable[[int], object] | None = None,
    *,
    num_processes: int = 1,
) -> WordCounts:
    """Count the words of tokenized texts.

    Args:
        paths: Files, for example from :func:`elmokit.data.find.find_texts`, or one prepared corpus.
        on_bytes: Called at intervals with the number of bytes read since the last call.
        num_processes: Number of processes, each of which counts some of the text; see
            :mod:`elmokit.processes`.

    Raises:
        TextError: If a text cannot be read, or there is no token in any of them.
        CorpusError: If the prepared corpus is damaged.
    """
    num_processes = whole_number("num_processes", num_processes, least=1, most=MOST_PROCESSES)
    if len(paths) == 1 and (directory := prepared_directory(look_up(paths[0]))) is not None:
        return _counts_of(directory)
    if num_processes == 1:
        total = _count((TextPart(path) for path in paths), on_bytes)
    else:
        total = WordCounts(Counter(), 0, 0, 0)
        for found in map_parts(_count, divide(paths), num_processes, on_bytes):
            total.counts.update(found.counts)
            total = WordCounts(
                total.counts,
                total.num_tokens + found.num_tokens,
                total.num_sentences + found.num_sentences,
                total.num_blank_lines + found.num_blank_lines,
            )
    if not total.num_tokens:
        raise no_token_error(paths)
    return total


def _counts_of(directory: Path) -> WordCounts:
    """Return the word counts of a prepared corpus."""
    verify_checksums(directory)
    corpus = open_corpus(directory)
    types = range(NUM_BOUNDARY_TYPES, len(corpus.types))
    counts = Counter({corpus.types.word(type_id): int(corpus.types.counts[type_id]) for type_id in types})
    return WordCounts(counts, corpus.num_tokens, corpus.num_sentences, corpus.num_blank_lines)


def _count(parts: Iterable[TextPart], on_bytes: Callable[[int], object] | None = None) -> WordCounts:
    counts: Counter[str] = Counter()
    num_tokens = num_sentences = num_blank_lines = 0
    for sentences in read_parts(parts, on_bytes):
        counts.update(chain.from_iterable(sentences))
        num_blank = sentences.count([])
        num_tokens += sum(map(len, sentences))
        num_sentences += len(sentences) - num_blank
        num_blank_lines += num_blank
    return WordCounts(counts, num_tokens, num_sentences, num_blank_lines)

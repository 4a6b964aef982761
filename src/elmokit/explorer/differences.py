"""How differently the words of two typed texts are used, and one of them in particular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.visualize.senses import find_senses
from elmokit.visualize.text_comparison import TextComparison, Unusual, compare_texts

TEXT_NAMES = ("first text", "second text")


def text_differences(
    vectors: np.ndarray, occurrences: Sequence[Occurrence], num_first: int, index: int
) -> TextComparison:
    """Compare two texts, and the occurrences of one word in them.

    Args:
        vectors: (N, D) of the words of both texts.
        occurrences: the N words.
        num_first: number of sentences of the first text.
        index: the word whose senses and unusual occurrences are wanted; its row is the first one.

    Returns:
        The comparison of the texts; what it says of one word is about the chosen one.
    """
    is_second = np.array([occurrence.sentence_index >= num_first for occurrence in occurrences])
    of_all = compare_texts(vectors, occurrences, is_second, TEXT_NAMES)
    word = occurrences[index].word
    points = [point for point, occurrence in enumerate(occurrences) if occurrence.word == word]
    own = [occurrences[point] for point in points]
    senses = find_senses(vectors[points], own)
    of_word = compare_texts(vectors[points], own, is_second[points], TEXT_NAMES, senses=senses)
    changes = [replace(change, point=points[change.point]) for change in of_word.words]
    changes += [change for change in of_all.words if change.word != word]
    first, second = (
        tuple(Unusual(points[odd.point], odd.similarity) for odd in side) for side in of_word.unusual
    )
    return replace(of_word, words=tuple(changes), unusual=(first, second))

"""Parts of the page that several of its sections use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elmokit.data.occurrences import Occurrence
from elmokit.explorer.explored_text import Direction
from elmokit.explorer.map_figure import color_of, symbol_of
from elmokit.explorer.typed_text import displayed_word

if TYPE_CHECKING:
    from dash.development.base_component import Component

GIVEN: dict[Direction, str] = {
    "forward": "given the left context",
    "backward": "given the right context",
    "mean": "on average",
}
"""What the surprisal of each direction is conditioned on."""
UNKNOWN = "not in the vocabulary, scored as <UNK>"
_CONTEXT_WORDS = 6  # on either side of a word


def chip(sentence_index: int) -> Component:
    """Return the number of a sentence in the color that it has on the map."""
    from dash import html

    return html.Span(
        sentence_index + 1,
        className=f"chip {symbol_of(sentence_index)}",
        style={"--color": color_of(sentence_index)},
        dir="ltr",
    )


def in_context(occurrence: Occurrence, indices: dict[Occurrence, int] | None = None) -> list[Any]:
    """Return a word in bold between some words of context.

    Args:
        occurrence: the word.
        indices: indices of the words on this page; if the word is one of them, it becomes a button that
            selects it.
    """
    from dash import html

    sentence, position = occurrence.sentence, occurrence.position
    start, stop = max(0, position - _CONTEXT_WORDS), position + 1 + _CONTEXT_WORDS
    before = [displayed_word(word) for word in sentence[start:position]]
    after = [displayed_word(word) for word in sentence[position + 1 : stop]]
    word: Component = html.B(displayed_word(occurrence.word))
    if indices is not None and occurrence in indices:
        attributes: dict[str, Any] = {"data-index": indices[occurrence]}
        word = html.Button(displayed_word(occurrence.word), className="link", **attributes)
    return [
        " ".join([*(["…"] if start else []), *before, ""]),
        word,
        " ".join(["", *after, *(["…"] if stop < len(sentence) else [])]),
    ]

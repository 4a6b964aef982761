"""The sentences on the page, colored by surprisal, and the legend of these colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elmokit.explorer.explored_text import Direction, ExploredText
from elmokit.explorer.parts import GIVEN, UNKNOWN, chip
from elmokit.explorer.typed_text import displayed_word

if TYPE_CHECKING:
    from dash.development.base_component import Component


def sentence_list(text: ExploredText, direction: Direction, max_surprisal: float) -> list[Component]:
    """Return the sentences, with a button for each word. ``words.js`` marks the selected word.

    Args:
        text: the sentences with their N words.
        direction: the direction whose surprisal is shown.
        max_surprisal: the surprisal in nats that gets the strongest color.
    """
    from dash import html

    surprisal = text.surprisal.get(direction)
    lines: dict[int, list[Any]] = {}
    for index, occurrence in enumerate(text.occurrences):
        strength = 0.0 if surprisal is None else min(1.0, float(surprisal[index]) / max_surprisal)
        attributes: dict[str, Any] = {"data-index": index, "data-word": occurrence.word.casefold()}
        button = html.Button(
            displayed_word(occurrence.word),
            className="token unknown" if text.is_unknown[index] else "token",
            title=_tooltip(text, index),
            style={"--surprisal": f"{strength:.3f}"},
            **attributes,
        )
        # The space makes copied text readable.
        line = lines.setdefault(occurrence.sentence_index, [chip(occurrence.sentence_index)])
        line.extend([button, " "])
    return [html.P(words, className="sentence", dir="auto") for words in lines.values()]


def color_scale(max_surprisal: float, num_words: int) -> list[Component]:
    """Return the legend of the colors of surprisal, for a vocabulary of ``num_words`` words."""
    from dash import html

    return [
        html.Div(className="gradient"),
        html.Div(
            [
                html.Span("0"),
                html.Span("nats, −ln p"),
                html.Span(f"≥ {max_surprisal:.1f}, like a random guess among {num_words:,} words"),
            ],
            className="ticks",
        ),
        html.P(
            [html.Span("word", className="token unknown"), f": {UNKNOWN}"],
            className="hint",
        ),
    ]


def _tooltip(text: ExploredText, index: int) -> str:
    lines = [
        f"{float(text.surprisal[direction][index]):.2f} nats {given}"
        for direction, given in GIVEN.items()
        if direction in text.surprisal
    ]
    if text.is_unknown[index]:
        lines.append(UNKNOWN)
    return "\n".join(lines)

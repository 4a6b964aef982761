"""What is written on the page: the sentences, and what there is to say about a word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elmokit.data.occurrences import Use
from elmokit.explorer.explorer import Direction, ExploredText
from elmokit.explorer.map_figure import color_of, symbol_of
from elmokit.explorer.typed_text import shown_word
from elmokit.language_model import Candidate, Substitutes
from elmokit.neighbors.index import Neighbor, SimilarWord

if TYPE_CHECKING:
    from dash.development.base_component import Component

_CONTEXT_WORDS = 6  # on either side of a neighbor
_DIRECTIONS: dict[Direction, str] = {
    "forward": "after what stands before it",
    "backward": "before what stands after it",
    "mean": "mean of both",
}


def sentences_of(text: ExploredText, direction: Direction, worst: float) -> list[Component]:
    """The sentences, every word a button, colored by its surprise. ``words.js`` marks the selected one.

    Args:
        text: with N words.
        direction: of the surprise that is shown.
        worst: the surprise in nats that has the strongest color.
    """
    from dash import html

    shown = text.surprise.get(direction)
    lines: dict[int, list[Any]] = {}
    for place, use in enumerate(text.uses):
        strength = 0.0 if shown is None else min(1.0, float(shown[place]) / worst)
        attributes: dict[str, Any] = {"data-place": place, "data-word": use.word.casefold()}
        button = html.Button(
            shown_word(use.word),
            className="token unknown" if text.is_unknown[place] else "token",
            title=_tooltip(text, place),
            style={"--surprise": f"{strength:.3f}"},
            **attributes,
        )
        # The space is text to be copied.
        lines.setdefault(use.number, [_chip(use.number)]).extend([button, " "])
    return [html.P(words, className="sentence", dir="auto") for words in lines.values()]


def scale_of(worst: float, num_words: int) -> list[Component]:
    """The legend of the colors of surprise."""
    from dash import html

    return [
        html.Div(className="gradient"),
        html.Div(
            [
                html.Span("0"),
                html.Span("nats, −ln p"),
                html.Span(f"≥ {worst:.1f}, no better than a blind guess among {num_words:,} words"),
            ],
            className="ticks",
        ),
        html.P(
            [html.Span("word", className="token unknown"), " is not in the vocabulary: scored as <UNK>"],
            className="hint",
        ),
    ]


def heading_of(text: ExploredText, place: int) -> Component:
    """The word that is looked at, in its sentence, with its surprise."""
    from dash import html

    use = text.uses[place]
    facts = [
        f"{_nats(text.surprise[direction][place])} {where}"
        for direction, where in _DIRECTIONS.items()
        if direction in text.surprise and direction != "mean"
    ]
    if text.is_unknown[place]:
        facts.append("not in the vocabulary, scored as <UNK>")
    return html.Header(
        [
            html.H2([_chip(use.number), html.Bdi(shown_word(use.word))]),
            html.P(_in_context(use), dir="auto"),
            *([html.P("Surprise: " + " · ".join(facts), className="hint")] if facts else []),
        ]
    )


def neighbors_card(
    title: str, neighbors: Sequence[Neighbor], places: dict[Use, int] | None = None
) -> Component:
    """Uses in context, nearest first.

    Args:
        title: what they are.
        neighbors: the uses.
        places: of those that stand on this page and can be looked at in turn.
    """
    from dash import html

    if not neighbors:
        return _card("uses", title, html.P("There is no other word.", className="hint"))
    rows = []
    for neighbor in neighbors:
        words = _in_context(neighbor.use, places)
        rows.append(html.Tr([_bar(neighbor.similarity), html.Td(words, dir="auto")]))
    return _card("uses", title, html.Table(html.Tbody(rows)))


def words_card(title: str, words: Sequence[SimilarWord]) -> Component:
    """Words without context, nearest first."""
    from dash import html

    if not words:
        return _card("words", title, html.P("There is no other word.", className="hint"))
    rows = [html.Tr([_bar(similarity), html.Td(html.Bdi(shown_word(word)))]) for word, similarity in words]
    return _card("words", title, html.Table(html.Tbody(rows)))


def substitutes_card(title: str, found: Substitutes | None, word: str, silence: str) -> Component:
    """What the language model would put in the place of ``word``, or why it says nothing."""
    from dash import html

    if found is None:
        return _card("substitutes", title, html.P(silence, className="hint"))
    columns: list[tuple[str, list[Candidate]]] = [("from before", found.forward)]
    if found.backward:
        columns = [("both", found.combined), *columns, ("from after", found.backward)]
    return _card(
        "substitutes",
        title,
        html.Div(
            [
                html.Table(
                    [
                        html.Caption(name),
                        html.Tbody(
                            [
                                html.Tr(
                                    [
                                        _bar(math.exp(candidate.log_probability), "{:.1%}"),
                                        html.Td(_candidate(candidate.word, word)),
                                    ]
                                )
                                for candidate in candidates
                            ]
                        ),
                    ]
                )
                for name, candidates in columns
            ],
            className="columns",
        ),
    )


def _card(kind: str, title: str, content: Component) -> Component:
    from dash import html

    return html.Section([html.H3(title), content], className=f"card {kind}")


def _bar(value: float, form: str = "{:.3f}") -> Component:
    """A cell with a number, and a bar behind it for a share or a similarity from 0 to 1."""
    from dash import html

    length = min(1.0, max(0.0, value))
    return html.Td(form.format(value), className="bar", style={"--length": f"{length:.3f}"})


def _candidate(word: str, original: str) -> Component:
    """A word that could stand there; in bold if it does."""
    from dash import html

    return html.Bdi(html.B(shown_word(word)) if word == original else shown_word(word))


def _chip(number: int) -> Component:
    """The number of a sentence in its color, as on the map."""
    from dash import html

    return html.Span(
        number + 1, className=f"chip {symbol_of(number)}", style={"--color": color_of(number)}, dir="ltr"
    )


def _in_context(use: Use, places: dict[Use, int] | None = None) -> list[Any]:
    """A word in bold with some words around it; a button where it can be looked at."""
    from dash import html

    start, stop = max(0, use.position - _CONTEXT_WORDS), use.position + 1 + _CONTEXT_WORDS
    before = [shown_word(word) for word in use.sentence[start : use.position]]
    after = [shown_word(word) for word in use.sentence[use.position + 1 : stop]]
    word: Component = html.B(shown_word(use.word))
    if places is not None and use in places:
        attributes: dict[str, Any] = {"data-place": places[use]}
        word = html.Button(shown_word(use.word), className="link", **attributes)
    return [
        " ".join([*(["…"] if start else []), *before, ""]),
        word,
        " ".join(["", *after, *(["…"] if stop < len(use.sentence) else [])]),
    ]


def _tooltip(text: ExploredText, place: int) -> str:
    lines = [
        f"{float(text.surprise[direction][place]):.2f} nats {where}"
        for direction, where in _DIRECTIONS.items()
        if direction in text.surprise
    ]
    if text.is_unknown[place]:
        lines.append("not in the vocabulary, scored as <UNK>")
    return "\n".join(lines)


def _nats(surprise: np.floating[Any]) -> str:
    return f"{float(surprise):.2f} nats ({math.exp(-float(surprise)):.2%})"

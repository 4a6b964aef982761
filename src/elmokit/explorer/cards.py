"""What the page says about the selected word: a heading, neighbors and substitutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.explorer.explored_text import ExploredText
from elmokit.explorer.parts import GIVEN, UNKNOWN, chip, in_context
from elmokit.explorer.typed_text import displayed_word
from elmokit.language_model import Candidate, Substitutes
from elmokit.neighbors.results import Neighbor, SimilarWord

if TYPE_CHECKING:
    from dash.development.base_component import Component


def heading(text: ExploredText, index: int) -> Component:
    """Return the selected word in its sentence, with its surprisal."""
    from dash import html

    occurrence = text.occurrences[index]
    facts = [
        f"{_nats(text.surprisal[direction][index])} {given}"
        for direction, given in GIVEN.items()
        if direction in text.surprisal and direction != "mean"
    ]
    if text.is_unknown[index]:
        facts.append(UNKNOWN)
    return html.Header(
        [
            html.H2([chip(occurrence.sentence_index), html.Bdi(displayed_word(occurrence.word))]),
            html.P(in_context(occurrence), dir="auto"),
            *([html.P("Surprisal: " + " · ".join(facts), className="hint")] if facts else []),
        ]
    )


def neighbors_card(
    title: str, neighbors: Sequence[Neighbor], indices: dict[Occurrence, int] | None = None
) -> Component:
    """Return a table of occurrences in context, nearest first.

    Args:
        title: the title of the card.
        neighbors: the occurrences.
        indices: indices of the words on this page, which a click selects.
    """
    from dash import html

    rows = []
    for neighbor in neighbors:
        words = in_context(neighbor.occurrence, indices)
        rows.append(html.Tr([_bar(neighbor.similarity), html.Td(words, dir="auto")]))
    return _table_card("occurrences", title, rows)


def words_card(title: str, words: Sequence[SimilarWord]) -> Component:
    """Return a table of words without context, nearest first."""
    from dash import html

    rows = [
        html.Tr([_bar(similarity), html.Td(html.Bdi(displayed_word(word)))]) for word, similarity in words
    ]
    return _table_card("words", title, rows)


def substitutes_card(title: str, found: Substitutes | None, word: str, reason: str) -> Component:
    """Return the language model's predictions for ``word``, or the reason why there are none."""
    from dash import html

    if found is None:
        return _card("substitutes", title, html.P(reason, className="hint"))
    columns: list[tuple[str, list[Candidate]]] = [("left context", found.forward)]
    if found.backward:
        columns = [("both", found.combined), *columns, ("right context", found.backward)]
    tables = [
        html.Table(
            [html.Caption(name), html.Tbody([_candidate_row(candidate, word) for candidate in candidates])]
        )
        for name, candidates in columns
    ]
    return _card("substitutes", title, html.Div(tables, className="columns"))


def _card(kind: str, title: str, content: Component) -> Component:
    from dash import html

    return html.Section([html.H3(title), content], className=f"card {kind}")


def _table_card(kind: str, title: str, rows: Sequence[Component]) -> Component:
    from dash import html

    if not rows:
        return _card(kind, title, html.P("No other words.", className="hint"))
    return _card(kind, title, html.Table(html.Tbody(rows)))


def _bar(value: float, form: str = "{:.3f}") -> Component:
    """Return a cell with a number from 0 to 1 and a bar of that length behind it."""
    from dash import html

    length = min(1.0, max(0.0, value))
    return html.Td(form.format(value), className="bar", style={"--length": f"{length:.3f}"})


def _candidate_row(candidate: Candidate, original: str) -> Component:
    """Return a candidate with its probability, in bold if it is the original word."""
    from dash import html

    shown: Any = displayed_word(candidate.word)
    if candidate.word == original:
        shown = html.B(shown)
    return html.Tr([_bar(math.exp(candidate.log_probability), "{:.1%}"), html.Td(html.Bdi(shown))])


def _nats(surprisal: np.floating[Any]) -> str:
    return f"{float(surprisal):.2f} nats ({math.exp(-float(surprisal)):.2%})"

"""What happens when something on the page is typed, clicked or moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from elmokit.explorer.cards import heading, neighbors_card, substitutes_card, words_card
from elmokit.explorer.explored_text import Direction
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.map_figure import draw_map
from elmokit.explorer.mixing import layer_weights
from elmokit.explorer.page import MIX
from elmokit.explorer.sentences import color_scale, sentence_list
from elmokit.explorer.typed_text import Sentences, read_typed
from elmokit.visualize.projection import Method

if TYPE_CHECKING:
    from dash import Dash

_WIDTH_OF_MAP = """(shown, layout, known) => {
    const width = document.getElementById("map").clientWidth;
    return width === known ? window.dash_clientside.no_update : width;
}"""


def register_callbacks(app: Dash, explorer: Explorer) -> None:
    """Connect the inputs of the page with its outputs.

    Args:
        app: the application, with the layout of :func:`elmokit.explorer.page.layout`.
        explorer: the model to explore.
    """
    _register_text_callbacks(app, explorer)
    _register_map_callbacks(app, explorer)
    _register_word_callbacks(app, explorer)


def _register_text_callbacks(app: Dash, explorer: Explorer) -> None:
    """Register how text is read and shown."""
    from dash import Input, Output, State, no_update

    vocabulary = explorer.embedder.pretrained.vocabulary
    num_words = 1 if vocabulary is None else len(vocabulary)
    max_surprisal = max(1.0, math.log(num_words))

    @app.callback(
        Output("shown", "data"),
        Output("message", "children"),
        Input("show", "n_clicks"),
        State("text", "value"),
    )
    def read_text(_: int, text: str | None) -> tuple[Any, str]:
        typed = read_typed(text or "")
        if not typed.sentences:
            return no_update, "Type a sentence first: the text has no words."
        explorer.explore(typed.sentences)
        return typed.sentences, typed.note

    @app.callback(
        Output("sentences", "children"),
        Output("scale", "children"),
        Input("shown", "data"),
        Input("direction", "value"),
    )
    def show_sentences(shown: list[list[str]], direction: Direction) -> tuple[Any, Any]:
        text = explorer.explore(_sentences(shown))
        scale = color_scale(max_surprisal, num_words) if text.surprisal else []
        return sentence_list(text, direction, max_surprisal), scale


def _register_map_callbacks(app: Dash, explorer: Explorer) -> None:
    """Register how the layers are weighted and the map is drawn."""
    from dash import ALL, Input, Output, State

    @app.callback(
        Output("view", "value"),
        Input({"type": "parameter", "layer": ALL}, "value"),
        prevent_initial_call=True,
    )
    def select_mix(_: list[float]) -> str:
        return MIX

    @app.callback(
        Output("weights", "data"),
        Output({"type": "weight", "layer": ALL}, "children"),
        Input("view", "value"),
        Input({"type": "parameter", "layer": ALL}, "value"),
    )
    def weigh_layers(view: str, parameters: list[float | str | None]) -> tuple[list[float], list[str]]:
        if view == MIX:
            weights = layer_weights([float(parameter or 0) for parameter in parameters]).tolist()
        else:
            weights = [float(layer == int(view)) for layer in range(len(parameters))]
        return weights, [f"{weight:.1%}" for weight in weights]

    @app.callback(
        Output("map", "figure"),
        Input("shown", "data"),
        Input("weights", "data"),
        Input("method", "value"),
        Input("selected", "data"),
        Input("width", "data"),
    )
    def show_map(
        shown: list[list[str]], weights: list[float], method: Method, selected: int, width: int | None
    ) -> Any:
        sentences = _sentences(shown)
        text = explorer.explore(sentences)
        coordinates = explorer.map(sentences, weights, method)
        return draw_map(text.occurrences, coordinates, text.clamped_index(selected), width)

    app.clientside_callback(
        _WIDTH_OF_MAP,
        Output("width", "data"),
        Input("shown", "data"),
        Input("map", "relayoutData"),
        State("width", "data"),
    )


def _register_word_callbacks(app: Dash, explorer: Explorer) -> None:
    """Register how a word is selected and described."""
    from dash import Input, Output

    @app.callback(
        Output("selected", "data"),
        Output("map", "clickData"),
        Input("shown", "data"),
        Input("map", "clickData"),
    )
    def select_word(shown: list[list[str]], click: dict[str, Any] | None) -> tuple[int, None]:
        if click is not None:
            return int(click["points"][0]["customdata"]), None
        return explorer.explore(_sentences(shown)).default_index, None

    app.clientside_callback("index => window.explorer.select(index)", Input("selected", "data"))

    @app.callback(
        Output("word", "children"),
        Input("shown", "data"),
        Input("selected", "data"),
        Input("weights", "data"),
    )
    def describe_word(shown: list[list[str]], selected: int, weights: list[float]) -> Any:
        sentences = _sentences(shown)
        text = explorer.explore(sentences)
        index = text.clamped_index(selected)
        indices = {occurrence: k for k, occurrence in enumerate(text.occurrences)}
        cards = [
            neighbors_card(
                "Nearest in these sentences", explorer.neighbors(sentences, index, weights), indices
            )
        ]
        if explorer.corpus is not None:
            found = explorer.corpus_neighbors(sentences, index)
            cards.append(neighbors_card("Nearest in the corpus", found))
        similar = explorer.similar_words(sentences, index)
        cards.append(words_card("Nearest without context", similar))
        substitutes = explorer.substitutes(sentences, index)
        word = text.occurrences[index].word
        cards.append(substitutes_card("Substitutes", substitutes, word, explorer.language_model_error))
        return [heading(text, index), *cards]


def _sentences(shown: list[list[str]]) -> Sentences:
    """Convert sentences from the JSON that the browser sends."""
    return tuple(tuple(sentence) for sentence in shown)

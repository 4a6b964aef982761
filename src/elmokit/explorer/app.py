"""The page comes to life: what happens when something is typed, clicked or moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from elmokit.errors import ElmokitError, MissingExtraError
from elmokit.explorer import lists
from elmokit.explorer.explorer import Direction, Explorer
from elmokit.explorer.map_figure import draw_map
from elmokit.explorer.mixing import layer_weights
from elmokit.explorer.page import MIX, layout
from elmokit.explorer.typed_text import Sentences, read_typed
from elmokit.visualize.projection import Method

if TYPE_CHECKING:
    from dash import Dash

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""
_WIDTH_OF_MAP = """(shown, layout, known) => {
    const width = document.getElementById("map").clientWidth;
    return width === known ? window.dash_clientside.no_update : width;
}"""


def make_app(explorer: Explorer) -> Dash:
    """The page as an application of Dash, which needs nothing from the network.

    Args:
        explorer: the model.

    Raises:
        MissingExtraError: when Dash is not installed.
    """
    try:
        from dash import ALL, Dash, Input, Output, State, no_update, set_props
    except ImportError:
        raise MissingExtraError("the page to explore", "explore") from None

    def report(error: Exception) -> None:
        """A fault becomes a line on the page, which stays as it was."""
        text = str(error)
        if not isinstance(error, ElmokitError):
            app.logger.error("the page reports:", exc_info=error)
            text = f"Something went wrong: {type(error).__name__}: {error}"
        set_props("message", {"children": text})

    app = Dash(
        "elmokit.explorer",
        title=f"elmokit explore · {explorer.embedder.pretrained.source.name}",
        update_title="",
        index_string=_PAGE,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        serve_locally=True,
        add_log_handler=False,
        on_error=report,
    )
    app.layout = layout(explorer)
    vocabulary = explorer.embedder.pretrained.vocabulary
    num_words = 1 if vocabulary is None else len(vocabulary)
    worst = max(1.0, math.log(num_words))

    @app.callback(
        Output("shown", "data"),
        Output("message", "children"),
        Input("show", "n_clicks"),
        State("text", "value"),
    )
    def show(_: int, text: str | None) -> tuple[Any, str]:
        typed = read_typed(text or "")
        if not typed.sentences:
            return no_update, "Type a sentence first: there is no word in the text."
        explorer.explore(typed.sentences)
        return typed.sentences, typed.note

    @app.callback(
        Output("selected", "data"),
        Output("map", "clickData"),
        Input("shown", "data"),
        Input("map", "clickData"),
    )
    def select(shown: list[list[str]], click: dict[str, Any] | None) -> tuple[int, None]:
        if click is not None:
            return int(click["points"][0]["customdata"]), None
        return explorer.explore(_sentences(shown)).telling_place, None

    @app.callback(
        Output("view", "value"), Input({"type": "number", "layer": ALL}, "value"), prevent_initial_call=True
    )
    def mix(_: list[float]) -> str:
        return MIX

    @app.callback(
        Output("weights", "data"),
        Output({"type": "share", "layer": ALL}, "children"),
        Input("view", "value"),
        Input({"type": "number", "layer": ALL}, "value"),
    )
    def weigh(view: str, numbers: list[float | str | None]) -> tuple[list[float], list[str]]:
        if view == MIX:
            weights = layer_weights([float(number or 0) for number in numbers]).tolist()
        else:
            weights = [float(number == int(view)) for number in range(len(numbers))]
        return weights, [f"{weight:.1%}" for weight in weights]

    @app.callback(
        Output("sentences", "children"),
        Output("scale", "children"),
        Input("shown", "data"),
        Input("direction", "value"),
    )
    def write(shown: list[list[str]], direction: Direction) -> tuple[Any, Any]:
        text = explorer.explore(_sentences(shown))
        scale = lists.scale_of(worst, num_words) if text.surprise else []
        return lists.sentences_of(text, direction, worst), scale

    app.clientside_callback("place => window.explorer.select(place)", Input("selected", "data"))

    @app.callback(
        Output("map", "figure"),
        Input("shown", "data"),
        Input("weights", "data"),
        Input("method", "value"),
        Input("selected", "data"),
        Input("width", "data"),
    )
    def draw(
        shown: list[list[str]], weights: list[float], method: Method, selected: int, width: int | None
    ) -> Any:
        sentences = _sentences(shown)
        text = explorer.explore(sentences)
        coordinates = explorer.map(sentences, weights, method)
        return draw_map(text.uses, coordinates, text.nearest_place(selected), width)

    app.clientside_callback(
        _WIDTH_OF_MAP,
        Output("width", "data"),
        Input("shown", "data"),
        Input("map", "relayoutData"),
        State("width", "data"),
    )

    @app.callback(
        Output("word", "children"),
        Input("shown", "data"),
        Input("selected", "data"),
        Input("weights", "data"),
    )
    def describe(shown: list[list[str]], selected: int, weights: list[float]) -> Any:
        sentences = _sentences(shown)
        text = explorer.explore(sentences)
        place = text.nearest_place(selected)
        places = {use: number for number, use in enumerate(text.uses)}
        cards = [
            lists.neighbors_card(
                "Nearest in these sentences", explorer.neighbors(sentences, place, weights), places
            )
        ]
        if explorer.corpus is not None:
            found = explorer.corpus_neighbors(sentences, place)
            cards.append(lists.neighbors_card("Nearest in the corpus", found))
        similar = explorer.similar_words(sentences, place)
        cards.append(lists.words_card("Nearest without context", similar))
        substitutes = explorer.substitutes(sentences, place)
        word = text.uses[place].word
        cards.append(
            lists.substitutes_card("What else could stand here", substitutes, word, explorer.silence)
        )
        return [lists.heading_of(text, place), *cards]

    return app


def _sentences(shown: list[list[str]]) -> Sentences:
    """As they come back from the browser."""
    return tuple(tuple(sentence) for sentence in shown)

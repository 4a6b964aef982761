"""The layout of the page before anything is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from elmokit.explorer.explorer import Explorer
from elmokit.explorer.map_figure import HEIGHT
from elmokit.explorer.plotly_page import OFFLINE

if TYPE_CHECKING:
    from dash.development.base_component import Component

EXAMPLE = """\
Argentina played football very well
Brazil is a strong team
Artists all over the world are attending the play
Child is playing the guitar
There was absolute silence during the play
every American has the right to vote
we are on the right track"""

MIX = "mix"
"""The view of the weighted mix; the other views are layer numbers."""
_MAX_PARAMETER = 4  # of the scalar mix: a layer with 4 and two with -4 give the first 99.9% of the weight


def layout(explorer: Explorer) -> Component:
    """Return the whole page, with an example text."""
    from dash import dcc, html

    return html.Div(
        [
            dcc.Store(id="shown"),
            dcc.Store(id="selected"),
            dcc.Store(id="weights"),
            dcc.Store(id="width"),
            html.Header([html.H1("elmokit explore"), html.P(_facts(explorer))]),
            html.Main([_text_card(explorer), _map_card(explorer), html.Section(id="word", className="word")]),
        ],
        className="page",
    )


def layer_name(number: int) -> str:
    """Return the name of a layer, for example ``LSTM layer 1``; 0 is the token layer."""
    return f"LSTM layer {number}" if number else "token layer"


def _facts(explorer: Explorer) -> str:
    pretrained = explorer.embedder.pretrained
    num_layers, dim = explorer.embedder.num_layers, explorer.embedder.dim
    facts = [pretrained.source.name, f"{num_layers} layers of width {dim}"]
    if pretrained.vocabulary is not None:
        facts.append(f"{len(pretrained.vocabulary):,} words")
    if explorer.corpus is not None:
        facts.append(f"corpus of {explorer.corpus.corpus.num_tokens:,} tokens")
    return " · ".join(facts)


def _text_card(explorer: Explorer) -> Component:
    from dash import dcc, html

    return html.Section(
        [
            html.H2(html.Label("Sentences", htmlFor="text")),
            dcc.Textarea(id="text", value=EXAMPLE, rows=7, spellCheck=False, dir="auto"),
            html.Div(
                [
                    html.Button("Show", id="show", n_clicks=0, className="primary"),
                    html.Span("One sentence per line, tokens separated by spaces", className="hint"),
                ],
                className="row",
            ),
            html.Div(id="message", role="status"),
            html.Div(id="sentences"),
            _surprisal_controls(explorer),
        ],
        className="card text",
    )


def _surprisal_controls(explorer: Explorer) -> Component:
    from dash import dcc, html

    if explorer.language_model is None:
        reason = f"Surprisal is not available: {explorer.language_model_error}"
        # The callbacks need these elements even if they stay empty.
        empty = [dcc.RadioItems(id="direction", options=[], value="mean"), html.Div(id="scale")]
        return html.Div([html.P(reason, className="hint"), *empty])
    is_bidirectional = explorer.embedder.pretrained.config.model.bidirectional
    options: list[dict[str, Any]] = [
        {"label": "average", "value": "mean", "disabled": not is_bidirectional},
        {"label": "given left context", "value": "forward"},
        {"label": "given right context", "value": "backward", "disabled": not is_bidirectional},
    ]
    return html.Div(
        [
            html.Div(
                [html.Span("Surprisal", className="name"), _choice("direction", "Surprisal", options)],
                className="row",
            ),
            html.Div(id="scale"),
        ]
    )


def _choice(id_: str, label: str, options: list[dict[str, Any]]) -> Component:
    """Return radio buttons, with the first enabled option selected."""
    from dash import dcc, html

    value = next(option["value"] for option in options if not option.get("disabled"))
    named: dict[str, Any] = {"aria-label": label}
    items = dcc.RadioItems(id=id_, options=options, value=value, inline=True, className="choice")
    return html.Div(items, role="group", **named)


def _map_card(explorer: Explorer) -> Component:
    from dash import dcc, html

    num_layers = explorer.embedder.num_layers
    views: list[dict[str, Any]] = [{"label": "mix of layers", "value": MIX}]
    views += [{"label": layer_name(number), "value": str(number)} for number in range(num_layers)]
    methods = [{"label": "PCA", "value": "pca"}, {"label": "t-SNE", "value": "tsne"}]
    return html.Section(
        [
            html.H2("Map of the words in context"),
            html.Div(
                [
                    _choice("view", "Layer", views),
                    _choice("method", "Projection", methods),
                ],
                className="row between",
            ),
            dcc.Graph(
                id="map",
                config=cast(
                    Any, {**OFFLINE, "displayModeBar": False, "scrollZoom": False, "responsive": True}
                ),
                style={"height": f"{HEIGHT}px"},
            ),
            html.Div([_slider(number) for number in range(num_layers)], className="sliders"),
        ],
        className="card map",
    )


def _slider(number: int) -> Component:
    from dash import dcc, html

    named: dict[str, Any] = {"aria-label": f"weight of {layer_name(number)}"}
    return html.Div(
        [
            html.Span(layer_name(number)),
            html.Output(id={"type": "weight", "layer": number}),
            dcc.Slider(
                id={"type": "parameter", "layer": number},
                min=-_MAX_PARAMETER,
                max=_MAX_PARAMETER,
                step=0.1,
                value=0,
                marks=None,
                updatemode="drag",
                allow_direct_input=False,
            ),
        ],
        className="slider",
        role="group",
        **named,
    )

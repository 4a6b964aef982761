"""Create the page as a Dash application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elmokit.errors import ElmokitError, MissingExtraError
from elmokit.explorer.callbacks import register_callbacks
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.page import layout

if TYPE_CHECKING:
    from dash import Dash

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


def make_app(explorer: Explorer) -> Dash:
    """Create the Dash application of the page, which needs no network.

    Args:
        explorer: the model to explore.

    Raises:
        MissingExtraError: if Dash is not installed.
    """
    try:
        from dash import Dash, set_props
    except ImportError:
        raise MissingExtraError("the explorer page", "explore") from None

    def report(error: Exception) -> None:
        """Show an error as a line on the page, which otherwise stays as it was."""
        text = str(error)
        if not isinstance(error, ElmokitError):
            app.logger.error("unexpected error on the page:", exc_info=error)
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
    register_callbacks(app, explorer)
    return app

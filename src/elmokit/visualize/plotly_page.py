"""What every page with a Plotly figure has in common: text is shown as it is, and nothing leaves the page."""

from __future__ import annotations

import html
from typing import Any

OFFLINE: dict[str, Any] = {
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displaylogo": False,
    "typesetMath": False,
}
"""Configuration of a figure without buttons that upload it."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)


def plotly_text(text: str) -> str:
    """Return text so that Plotly shows it as it is; it decodes these three entities and no others."""
    return html.escape(text, quote=False)


def standalone_page(body: str, title: str) -> str:
    """Return a page that may neither load nor send anything.

    Args:
        body: the content, as Plotly writes it.
        title: of the page, as plain text.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )

"""A map of words as a page in a single file, which may neither load nor send anything."""

from __future__ import annotations

import base64
import hashlib
import html
import re

from elmokit.viewer.bundle import asset, bundle
from elmokit.viewer.map_data import MapData, json_in_html, readable


def map_page(data: MapData) -> str:
    """Return the page of a map: the viewer, the data and a policy that allows this script and style only.

    Args:
        data: the map.
    """
    script, style = bundle("map_page.js"), asset("theme.css") + asset("map_page.css")
    values = {
        "lang": "en",
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        "title": html.escape(readable(data.title)),
        "caption": html.escape(readable(data.caption)),
        "style": style,
        "data": json_in_html(data.to_json()),
        "script": script,
    }
    # All places are filled at once: what is filled in is never searched for further places.
    return re.sub(r"\{(\w+)\}", lambda place: values[place[1]], asset("map_page.html"))


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"

"""URLs as they may be shown and stored: without credentials, signatures and other queries."""

from __future__ import annotations

import re

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
# User information ends at the last @ before the path. In other protocols than HTTP ? is a part of globs, but
# not with = after it.
_USER = re.compile(rf"({_SCHEME}://)[^/\s?#'\"<>]*@")
_END = r"(?=[:;,.)\]}]*(?:[\s'\"<>]|::|$))"
_QUERIES = (
    re.compile(rf"((?i:https?)://[^\s?#'\"<>]*)[?#][^\s'\"<>]*?{_END}"),
    re.compile(rf"({_SCHEME}://[^\s?'\"<>]*)\?[^\s'\"<>=]*=[^\s'\"<>]*?{_END}"),
    re.compile(rf"((?<=url: )/[^\s?'\"<>]*)\?[^\s'\"<>]*?{_END}"),  # as urllib3 has it in its messages
)


def without_secrets(text: str) -> str:
    """Return a URL, or a text with URLs, without user information and queries.

    They may be credentials or the signature of an address that gives access to anybody.
    """
    if "@" not in text and "?" not in text and "#" not in text:
        return text
    text = _USER.sub(r"\1", text)
    for query in _QUERIES:
        text = query.sub(r"\1", text)
    return text

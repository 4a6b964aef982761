"""URLs as they may be shown and stored: without credentials, signatures and other queries."""

from __future__ import annotations

import re

_SCHEME = r"[A-Za-z][\w+.-]*"
# User information ends at the last @ before the path. In other protocols than HTTP ? is a part of globs, but
# not with = after it. Passwords and signatures may contain quotes, so a URL ends at white space.
# A URL with one slash or three is a mistake, which errors quote.
_USERS = (
    re.compile(rf"((?i:https?):/+|{_SCHEME}://)([^/\s]*)@"),
    re.compile(rf"({_SCHEME}:/+)([^/\s]*:[^/\s]*)@"),
)
_SHORTEST_PASSWORD = 4  # a shorter one would be found in words as well
_SHORTEST_TOKEN = 16  # in the place of a user's name
_END = r"(?=[:;,.)\]}'\">]*(?:\s|::|$))"
_QUERIES = (
    re.compile(rf"((?i:https?)://[^\s?#]*)[?#]\S*?{_END}"),
    re.compile(rf"({_SCHEME}://[^\s?]*)\?[^\s=]*=\S*?{_END}"),
    re.compile(rf"((?<=url: )/[^\s?]*)\?\S*?{_END}"),  # as urllib3 has it in its messages
)


def without_secrets(text: str) -> str:
    """Return a URL, or a text with URLs, without user information and queries.

    They may be credentials or the signature of an address that gives access to anybody. Passwords are also
    left out elsewhere in the text, as where a library says what it has found in the URL.
    """
    if "@" not in text and "?" not in text and "#" not in text:
        return text
    secrets = set[str]()
    for user in _USERS:
        for _, found in user.findall(text):
            name, _, password = found.partition(":")
            secrets |= {password} if len(password) >= _SHORTEST_PASSWORD else set()
            secrets |= {name} if len(name) >= _SHORTEST_TOKEN else set()
        text = user.sub(r"\1", text)
    for query in _QUERIES:
        text = query.sub(r"\1", text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text

"""URLs as they may be shown and stored: without credentials, signatures and other queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

_SCHEME = r"[A-Za-z][\w+.-]*"
_REMOTE = r"(?<![\w+.-])(?i:https?|s3[an]?|gc?s|s?ftp|hf|abfss?|az|adl|(?:web)?hdfs|arrow_hdfs|github)"
# A URL with one slash or three is a mistake, which errors quote; as is one without the colon or the slashes,
# which is recognized where the protocol is one that needs credentials.
_START = rf"(?:{_SCHEME}:/+[ \t]*|{_REMOTE}(?::+|/{{2,}}))"
# As a path, a URL without the colon loses one of its slashes.
_HTTP = r"(?i:https?)(?::[/ \t]*|/+)"
_NEARLY = rf"(?<![\w./]){_SCHEME}//"  # of any protocol
# User information ends at the last @ before the path. In other protocols than HTTP ? is a part of globs, but
# not with = after it. Passwords and signatures may contain quotes, so a URL ends at white space.
_USERS = (
    re.compile(rf"({_HTTP}|{_SCHEME}://)([^/\s]*)@"),
    re.compile(rf"({_START})([^/\s]*)@"),
    # A password with a slash, as the secret keys of S3 have it; what comes after a host is a number.
    re.compile(rf"({_START})([^/\s:@[]*:(?!\d+/)(?:(?!://)[^\s@?#])*)@"),
    # A name with a password is one behind any slash, and a name alone behind two.
    re.compile(rf"({_SCHEME}/{{1,2}})([^/\s]*:[^/\s]*)@(?=[\w[])"),
    re.compile(rf"({_NEARLY})([^/\s]*)@(?=[\w[])"),
)
_END = r"(?=[:;,.)\]}'\">]*(?:\s|::|$))"
_QUERIES = (
    re.compile(rf"({_HTTP}[^\s?#]*)([?#]\S*?){_END}"),
    re.compile(rf"((?:{_START}|{_NEARLY})[^\s?]*)(\?[^\s=]*=\S*?){_END}"),
    re.compile(rf"((?<=url: )/[^\s?#]*)([?#]\S*?){_END}"),  # as urllib3 has it in its messages
    re.compile(rf"({_HTTP}[^\s?#;]*)(;[\w-]+=[^\s/]*?){_END}"),  # parameters of the path
)
_LATER_QUERY = re.compile(rf"()([?#;][^\s=?#;]+=\S*?){_END}")  # after a space in the path
_ANY_URL = re.compile(_START)
_SHORTEST_PASSWORD = 4  # a shorter one would be found in words as well
_SHORTEST_NAME = 6
_SHORTEST_VALUE = 8  # of a query


def without_secrets(text: str) -> str:
    """Return a URL, or a text with URLs, without user information, queries and parameters of HTTP paths.

    They may be credentials or the signature of an address that gives access to anybody. They are also left
    out elsewhere in the text, as where a library says what it has found in the URL.
    """
    if not any(mark in text for mark in "@?#;"):
        return text
    secrets = set[str]()
    for user in _USERS:
        for _, found in user.findall(text):
            text = text.replace(f"{found}@", "") if found else text
            secrets.update(_of_user(found))
        text = user.sub(r"\1", text)
    has_url = _ANY_URL.search(text) is not None
    for query in (*_QUERIES, *([_LATER_QUERY] if has_url else [])):
        for _, found in query.findall(text):
            secrets.update(each for each in re.split(r"[?#&;=]", found) if len(each) >= _SHORTEST_VALUE)
        text = query.sub(r"\1", text)
    secrets |= {unquote(secret) for secret in secrets} | {quote(secret, safe="") for secret in secrets}
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(rf"(?:(?<!\w)|(?<=%[0-9A-F]{{2}})){re.escape(secret)}(?!\w)", "***", text, flags=re.I)
    return text


def _of_user(information: str) -> Iterator[str]:
    """Yield what is secret in user information: ``name:password``, or a name that may be a token."""
    name, _, password = information.partition(":")
    parts = {password, *re.split("[:@/?#]", password)}
    yield from (part for part in parts if len(part) >= _SHORTEST_PASSWORD)
    if len(name) >= _SHORTEST_NAME:
        yield name

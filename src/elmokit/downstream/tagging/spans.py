"""Spans as tags, in the schemes BIO and BIOES.

In BIO (also IOB2) a span is ``B-TYPE I-TYPE ...``; BIOES marks its end as well, ``B-TYPE ... E-TYPE``, and a
span of one token is ``S-TYPE``. In IOB1, the scheme of CoNLL-2003, ``B-`` is written only after a span of the
same type; :func:`as_bio` reads it as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import torch

from elmokit.arguments import checked, described, whole_number
from elmokit.downstream.crf import Constraints
from elmokit.errors import ConfigError

OUTSIDE = "O"
_MOST_TOKENS = 1 << 24  # of a sentence

Scheme = Literal["BIO", "BIOES"]

_TAG = re.compile(r"([BIES])-(.+)", re.DOTALL)
_PREFIXES: dict[Scheme, str] = {"BIO": "BI", "BIOES": "BIES"}
_OPEN, _CLOSED = "BI", "BS"  # prefixes after which a span goes on; prefixes that begin one


class Span(NamedTuple):
    """A span of tokens."""

    type: str
    start: int
    """Position of its first token."""
    end: int
    """Position after its last token."""


class Fault(NamedTuple):
    """A tag that cannot stand where it stands."""

    position: int
    """Position of the token; the number of tokens for a span that does not end."""
    message: str


@checked
def detect_scheme(tags: Iterable[str]) -> Scheme | None:
    """Return the scheme of a set of tags, or None if they are not those of spans, as parts of speech.

    Args:
        tags: all tags of a data set. They are those of spans if each is ``O`` or a prefix and a type.
    """
    prefixes = set()
    for tag in set(tags) - {OUTSIDE}:
        if (match := _TAG.fullmatch(tag)) is None:
            return None
        prefixes.add(match[1])
    if not prefixes:
        return None
    return "BIOES" if prefixes & set("ES") else "BIO"


@checked
def faults(tags: Sequence[str], scheme: Scheme) -> Iterator[Fault]:
    """Yield what is wrong with the tags of a sentence."""
    before = OUTSIDE
    for position, tag in enumerate(tags):
        if not _may_follow(before, tag, scheme):
            yield Fault(
                position, f"{tag} after {before}" if position else f"{tag} at the start of a sentence"
            )
        before = tag
    if not _may_end(before, scheme):
        yield Fault(len(tags), f"{before} at the end of a sentence")


@checked
def read_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence, in any of the schemes and whatever is wrong with them.

    As conlleval does, a span begins at ``B-`` and ``S-``, and wherever a tag of a type follows neither
    another tag of that type nor an end.
    """
    spans: list[Span] = []
    open_type, start, before = None, 0, OUTSIDE
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, type_ = _parts(tag)
        begins = type_ is not None and (prefix in _CLOSED or type_ != open_type or before in ("E", "S"))
        if open_type is not None and (begins or type_ is None):
            spans.append(Span(open_type, start, position))
            open_type = None
        if begins:
            open_type, start = type_, position
        before = prefix
    return spans


@checked
def write_spans(spans: Iterable[tuple[str, int, int]], num_tokens: int, scheme: Scheme) -> list[str]:
    """Return the tags of a sentence with the given spans, which must not overlap.

    Raises:
        ConfigError: if one is no type with its start and its end in the sentence.
    """
    if not isinstance(spans, Iterable):
        raise ConfigError(f"spans: expected spans, got {described(spans)}")
    tags = [OUTSIDE] * whole_number("num_tokens", num_tokens, least=0, most=_MOST_TOKENS)
    for span in spans:
        try:
            type_, start, end = span
            is_inside = 0 <= start < end <= num_tokens
        except (TypeError, ValueError):
            is_inside = False
        if not is_inside:
            raise ConfigError(
                f"spans: expected a type with a start and an end from 0 to {num_tokens}, got {span!r:.100}"
            )
        prefixes = ["I"] * (end - start)
        prefixes[0] = "B"
        if scheme == "BIOES":
            prefixes[-1] = "S" if end - start == 1 else "E"
        tags[start:end] = [f"{prefix}-{type_}" for prefix in prefixes]
    return tags


@checked
def as_bio(tags: Sequence[str]) -> list[str]:
    """Return tags of any scheme, repaired where they are invalid, as BIO; see :func:`read_spans`."""
    return write_spans(read_spans(tags), len(tags), "BIO")


@checked
def as_bioes(tags: Sequence[str]) -> list[str]:
    """Return tags of any scheme, repaired where they are invalid, as BIOES; see :func:`read_spans`."""
    return write_spans(read_spans(tags), len(tags), "BIOES")


def tags_of_types(types: Iterable[str], scheme: Scheme) -> list[str]:
    """Return all tags of a scheme: ``O``, then those of each type."""
    return [OUTSIDE, *(f"{prefix}-{type_}" for type_ in types for prefix in _PREFIXES[scheme])]


def span_type(tag: str) -> str | None:
    """Return the type of a tag's span; None outside spans."""
    return _parts(tag)[1]


def constraints_of(tags: Sequence[str], scheme: Scheme) -> Constraints:
    """Return which sequences of the given tags are valid.

    Raises:
        ConfigError: if a tag does not belong to the scheme.
    """
    for tag in tags:
        prefix, type_ = _parts(tag)
        if tag != OUTSIDE and (type_ is None or prefix not in _PREFIXES[scheme]):
            raise ConfigError(
                f"tag {tag!r} is not one of {scheme}: expected O or one of {_PREFIXES[scheme]}-TYPE"
            )
    transitions = [[_may_follow(first, second, scheme) for second in tags] for first in tags]
    return Constraints(
        start=torch.tensor([_may_follow(OUTSIDE, tag, scheme) for tag in tags]),
        transitions=torch.tensor(transitions),
        end=torch.tensor([_may_end(tag, scheme) for tag in tags]),
    )


def _parts(tag: str) -> tuple[str, str | None]:
    """Return prefix and type of a tag; what is not a tag of a span is outside."""
    match = _TAG.fullmatch(tag)
    return (OUTSIDE, None) if match is None else (match[1], match[2])


def _may_follow(first: str, second: str, scheme: Scheme) -> bool:
    (before, type_before), (prefix, type_) = _parts(first), _parts(second)
    goes_on = before in _OPEN and prefix in "IE" and type_ == type_before
    begins = prefix in (OUTSIDE, *_CLOSED)
    if scheme == "BIOES":
        return goes_on if before in _OPEN else begins
    return goes_on or begins


def _may_end(tag: str, scheme: Scheme) -> bool:
    return scheme == "BIO" or _parts(tag)[0] not in _OPEN

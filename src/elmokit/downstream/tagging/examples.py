"""Tagged sentences as a tagger trains on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from elmokit.arguments import described, strings
from elmokit.data.sentences import tokenized
from elmokit.downstream.tagging.spans import (
    Scheme,
    as_bio,
    as_bioes,
    detect_scheme,
    span_type,
    tags_of_types,
)
from elmokit.errors import ConfigError, ElmokitError


@dataclass(frozen=True)
class TagSet:
    """The tags of a data set."""

    tags: tuple[str, ...]
    """In the order of their indexes; of a scheme, all tags of each type that occurs."""
    scheme: Scheme | None
    """None for tags that are not those of spans."""

    @classmethod
    def of(cls, tags: Sequence[Sequence[str]], scheme: Scheme | None = None) -> TagSet:
        """Collect the tags of training data.

        Args:
            tags: of each sentence.
            scheme: the scheme to use instead of that of the data.

        Raises:
            ConfigError: if a scheme is asked for and the tags are not those of spans.
        """
        found = {tag for own in tags for tag in own}
        own_scheme = detect_scheme(found)
        if own_scheme is None:
            if scheme is not None:
                raise ConfigError(
                    f"scheme: {scheme} is for tags such as O, B-PER and I-PER; the data has {_some(found)}"
                )
            return cls(tuple(sorted(found)), None)
        chosen = scheme or own_scheme
        types = sorted({type_ for tag in found if (type_ := span_type(tag)) is not None})
        return cls(tuple(tags_of_types(types, chosen)), chosen)

    def normalized(self, tags: Sequence[str]) -> list[str]:
        """Return the tags of a sentence in this scheme, repaired where they are invalid."""
        if self.scheme is None:
            return list(tags)
        return as_bio(tags) if self.scheme == "BIO" else as_bioes(tags)

    def unknown(self, tags: Iterable[Sequence[str]]) -> Counter[str]:
        """Count the tags of other data that can never be predicted."""
        known = set(self.tags)
        return Counter(tag for own in tags for tag in self.normalized(own) if tag not in known)


class Examples:
    """Sentences with tags, without those that have no tokens.

    Args:
        sentences: lists of tokens, or plain strings, which are split at white space.
        tags: a list of tags for each sentence.
        name: what messages call the data, such as ``dev``.

    Raises:
        ElmokitError: if there are no tokens, or not one tag for each.
    """

    def __init__(
        self, sentences: Iterable[str | Sequence[str]], tags: Iterable[Sequence[str]], name: str
    ) -> None:
        own = list(tokenized(sentences, f"{name}: sentences"))
        if isinstance(tags, str | bytes | Mapping) or not isinstance(tags, Iterable):
            raise ElmokitError(
                f"{name}: tags: expected a list of tags for each sentence, got {described(tags)}"
            )
        try:
            lists = list(tags)
        except TypeError:  # of a tensor with one number
            raise ElmokitError(f"{name}: tags: expected a list of tags for each sentence") from None
        labels = [strings(f"{name}: tags[{number}]", each) for number, each in enumerate(lists)]
        if len(own) != len(labels):
            raise ElmokitError(f"{name}: expected tags for each of {len(own)} sentences, got {len(labels)}")
        for number, (tokens, found) in enumerate(zip(own, labels, strict=True)):
            if len(tokens) != len(found):
                raise ElmokitError(
                    f"{name}: sentence {number}: expected a tag for each of {len(tokens)} tokens, got "
                    f"{len(found)}: {' '.join(tokens)[:60]!r}"
                )
        self.name = name
        self.sentences = [tokens for tokens in own if tokens]
        self.tags = [found for found in labels if found]
        if not self.sentences:
            raise ElmokitError(f"{name}: no tokens in it: expected at least one sentence")

    def __len__(self) -> int:
        return len(self.sentences)

    def refuse_same(self, other: Examples) -> None:
        """Refuse data that is the same as other data.

        Raises:
            ElmokitError: naming both.
        """
        if self.sentences == other.sentences:
            raise ElmokitError(
                f"the {self.name} data is the {other.name} data: figures on it would say nothing about new "
                f"text: give other sentences as {self.name} data"
            )


def index_tensor(tags: Sequence[Sequence[str]], tag_set: TagSet, num_tokens: int) -> Tensor:
    """Return the indexes (B, T) of the tags of some sentences, zero at padding."""
    index = {tag: number for number, tag in enumerate(tag_set.tags)}
    padded = torch.zeros(len(tags), num_tokens, dtype=torch.long)
    for row, own in enumerate(tags):
        padded[row, : len(own)] = torch.tensor([index[tag] for tag in own])
    return padded


def _some(tags: Iterable[str]) -> str:
    named = sorted(tags)
    return ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")

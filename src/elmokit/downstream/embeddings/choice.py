"""The one switch: from the name of an embedding to its vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from elmokit.downstream.embeddings.elmo import ElmoEmbedding
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError


def embeddings_of(choice: str, *, device: str = "cpu") -> tuple[TokenEmbedding, ...]:
    """Return the embeddings that a choice names.

    Args:
        choice: ``elmo:MODEL`` or ``random``, or several of them joined with ``+``.
        device: where biLMs run.

    Raises:
        ConfigError: if the choice cannot be understood.
        ElmokitError: if a model cannot be read.
    """
    names = [name.strip() for name in choice.split("+")]
    return tuple(_embedding(name, device) for name in names)


def _embedding(name: str, device: str) -> TokenEmbedding:
    kind, _, argument = name.partition(":")
    if kind not in _KINDS:
        raise ConfigError(f"embedding: expected {', '.join(_KINDS)}, or several joined with +, got {name!r}")
    return _KINDS[kind](name, argument, device)


def _elmo(name: str, argument: str, device: str) -> TokenEmbedding:
    if not argument:
        raise ConfigError(f"embedding: {name!r} names no model: expected elmo:MODEL, such as elmo:small")
    return ElmoEmbedding(ElmoEmbedder.load(argument, device=device), name)


def _random(name: str, argument: str, device: str) -> TokenEmbedding:
    if argument:
        raise ConfigError(f"embedding: random takes no file, got {name!r}")
    return RandomEmbedding(name)


_KINDS: Mapping[str, Callable[[str, str, str], TokenEmbedding]] = MappingProxyType(
    {"elmo": _elmo, "random": _random}
)

"""The one switch: from the name of an embedding to its vectors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from elmokit.arguments import checked
from elmokit.data.find import Patterns
from elmokit.downstream.embeddings import gensim_vectors, official_fasttext
from elmokit.downstream.embeddings.elmo import ElmoEmbedding
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.embeddings.vector_training import Train, trained_once
from elmokit.downstream.progress import Progress, no_progress
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.errors.addresses import without_secrets
from elmokit.files.home import expanded
from elmokit.formats.fasttext_model import check_fasttext_model
from elmokit.formats.word_vectors_reader import is_fasttext_model, read_word_vectors
from elmokit.repository.locate import model_names


@dataclass(frozen=True)
class Request:
    """What an embedding is made from."""

    device: str | torch.device = "cpu"
    """Where biLMs run."""
    text: Patterns = ()
    """Paths, globs, directories or URLs of tokenized text to train word2vec and fastText on."""
    vectors: VectorSettings = field(default_factory=VectorSettings)
    """How they are trained."""
    progress: Progress = no_progress
    """Shows what is done."""


@checked
def embeddings_of(
    choice: str,
    *,
    device: str | torch.device = "cpu",
    text: Patterns = (),
    vectors: VectorSettings | None = None,
    progress: Progress = no_progress,
) -> tuple[TokenEmbedding, ...]:
    """Return the embeddings that a choice names.

    Word vectors that are trained are kept on disk by the content of the text and the settings, so that each
    table is trained once.

    Args:
        choice: ``elmo:MODEL``, ``word2vec``, ``word2vec:FILE``, ``fasttext``, ``fasttext:FILE``,
            ``fasttext-official``, ``fasttext-official:FILE`` or ``random``, or several of them joined with
            ``+``. Without a file, vectors are trained on ``text``.
        device: where biLMs run.
        text: paths, globs, directories or URLs of tokenized text, one sentence per line.
        vectors: how word2vec and fastText are trained.
        progress: shows what is done.

    Raises:
        ConfigError: if the choice cannot be understood, or there is no text to train on.
        ElmokitError: if a model, a file or the text cannot be read.
        MissingExtraError: if gensim or fastText is needed and not installed.
    """
    request = Request(device, text, vectors or VectorSettings(), progress)
    return tuple(_embedding(name, request) for name in names_of(choice))


def names_of(choice: str) -> list[str]:
    """Return the names that a choice joins."""
    return [name.strip() for name in _JOINT.split(choice)]


def _embedding(name: str, request: Request) -> TokenEmbedding:
    kind, _, argument = name.partition(":")
    if kind not in _KINDS:
        raise ConfigError(
            f"embedding: expected {', '.join(_KINDS)}, or several joined with +, got {name!r}{_hint(kind)}"
        )
    # The name is shown, and stored in models and their cards.
    return _KINDS[kind](without_secrets(name), argument, request)


def _hint(name: str) -> str:
    """Return what a name that is no kind of embedding may be meant to be."""
    if name in model_names() or expanded(name).is_dir():
        return f": for an ELMo model, write elmo:{name}"
    near = difflib.get_close_matches(name, _KINDS, n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _elmo(name: str, argument: str, request: Request) -> TokenEmbedding:
    if not argument:
        raise ConfigError(f"embedding: {name!r} names no model: expected elmo:MODEL, such as elmo:small")
    return ElmoEmbedding(ElmoEmbedder.load(argument, device=request.device), name)


def _random(name: str, argument: str, request: Request) -> TokenEmbedding:
    if argument:
        raise ConfigError(f"embedding: random takes no file, got {name!r}")
    return RandomEmbedding(name)


def _word2vec(name: str, argument: str, request: Request) -> TokenEmbedding:
    if argument:
        return _table(name, expanded(argument), request)
    return _trained(name, gensim_vectors.train_word2vec, gensim_vectors.gensim_version, request)


def _fasttext(name: str, argument: str, request: Request) -> TokenEmbedding:
    if argument:
        return _fasttext_file(name, argument, request, gensim_vectors.read_fasttext_model)
    return _trained(name, gensim_vectors.train_fasttext, gensim_vectors.gensim_version, request)


def _official_fasttext(name: str, argument: str, request: Request) -> TokenEmbedding:
    if argument:
        return _fasttext_file(name, argument, request, official_fasttext.read_official_fasttext)
    return _trained(
        name,
        official_fasttext.train_official_fasttext,
        official_fasttext.fasttext_version,
        request,
    )


def _fasttext_file(
    name: str, argument: str, request: Request, read_model: Callable[[Path, str], StaticEmbedding]
) -> TokenEmbedding:
    """Read a model with subwords (``.bin``), or the table of words beside it (``.vec``)."""
    path = expanded(argument)
    if not is_fasttext_model(path):
        return _table(name, path, request)
    check_fasttext_model(path)
    return read_model(path, name)


def _table(name: str, path: Path, request: Request) -> TokenEmbedding:
    size = path.stat().st_size if path.is_file() else None
    with request.progress(f"reading {path.name}", size, "B") as bar:
        words, table = read_word_vectors(path, bar.update)
    return StaticEmbedding(name, words, table)


def _trained(name: str, train: Train, version: Callable[[], str], request: Request) -> TokenEmbedding:
    if not request.text:
        raise ConfigError(
            f"embedding: {name} is trained on a text, and none is given: pass one (--embedding-text), or "
            f"write {name}:FILE for vectors that you have"
        )
    return trained_once(
        name,
        train,
        f"{name} {version()}",
        request.text,
        request.vectors,
        progress=request.progress,
    )


_KINDS: Mapping[str, Callable[[str, str, Request], TokenEmbedding]] = MappingProxyType(
    {
        "elmo": _elmo,
        "word2vec": _word2vec,
        "fasttext": _fasttext,
        "fasttext-official": _official_fasttext,
        "random": _random,
    }
)
# A plus sign may be part of a path: it joins where a kind follows, or nothing.
_JOINT = re.compile(rf"\+(?=\s*(?:(?:{'|'.join(_KINDS)})\s*(?:[:+]|$)|$))")

"""An index of neighbors as a directory.

::

    corpus/        the prepared text, see elmokit.data.corpus
    vectors.f16    (num_tokens, D) contextual vectors of unit length, in the order of the text
    words.f16      (num_types, P) context-free vectors of unit length, of all types but the boundaries
    centers.f32, rows.u32, ends.i64     the clusters of the vectors where they take more than 2 GiB
    index.json     format version, layer, widths, fingerprints of text and model, checksums

It holds all that a search needs besides the model, so it can be copied to another machine. Checksums
cover every file but the large one, of which a wrong bit spoils one similarity at most.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from elmokit.data.corpus import Corpus, open_corpus
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import CorpusError, ElmokitError, OutputError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_checksum, values_checksum
from elmokit.files.memory_map import map_array
from elmokit.neighbors.clusters import Clusters, find_clusters, import_faiss
from elmokit.neighbors.cosine import UNIT_TYPE, unit_vectors

Layer: TypeAlias = Literal["top", "average"] | int

FORMAT_VERSION = 1
LARGE_BYTES = 2 << 30  # of vectors, read in 0.3 s if they are in memory
_WORDS_AT_A_TIME = 1024
_CLUSTER_FILES = ("centers.f32", "rows.u32", "ends.i64")


class IndexContent(NamedTuple):
    """What an index holds, in memory or mapped from its files."""

    layer: Layer
    """``average`` or a number."""
    corpus: Corpus
    vectors: np.ndarray
    """(num_tokens, D)"""
    word_vectors: np.ndarray
    """(num_types, P), of the types that are no boundaries."""
    clusters: Clusters | None = None
    """None where every search reads all vectors."""


def contextual_units(
    embedder: ElmoEmbedder, corpus: Corpus, layer: Layer, batch_size: int
) -> Iterator[np.ndarray]:
    """The unit vectors (n_tokens, D) of each line of a text.

    Raises:
        ElmokitError: when one is not finite.
    """
    lines = (corpus.words(number) for number in range(len(corpus.offsets) - 1))
    for number, vectors in enumerate(embedder.iter_embed(lines, layer, batch_size=batch_size)):
        if not np.isfinite(vectors).all():
            raise ElmokitError(
                f"sentence {number}, from 0, of the text: its vectors are not finite numbers: "
                f"{embedder.pretrained.source} is damaged or does not bear such words"
            )
        yield unit_vectors(vectors).astype(UNIT_TYPE)


def word_units(embedder: ElmoEmbedder, corpus: Corpus) -> np.ndarray:
    """The context-free unit vectors (num_types, P) of the words of a text."""
    types = range(NUM_BOUNDARY_TYPES, len(corpus.types))
    parts = []
    for start in range(0, len(types), _WORDS_AT_A_TIME):
        words = [corpus.types.word(type_id) for type_id in types[start : start + _WORDS_AT_A_TIME]]
        parts.append(unit_vectors(embedder.encode(words).float().cpu().numpy()).astype(UNIT_TYPE))
    return np.concatenate(parts)


def is_index(directory: Path) -> bool:
    """Whether a directory looks like an index of neighbors."""
    return (directory / "index.json").is_file() and (directory / "corpus").is_dir()


def write_index(
    directory: Path,
    embedder: ElmoEmbedder,
    corpus: Corpus,
    layer: Layer,
    *,
    batch_size: int,
    on_tokens: Callable[[int], None] | None,
    on_clustered: Callable[[int], None] | None,
) -> None:
    """Embed a text, and write its index whole or not at all, in bounded memory.

    Args:
        directory: to write; one that is there is replaced.
        embedder: the model.
        corpus: the text.
        layer: ``average`` or a number.
        batch_size: sentences that are run together.
        on_tokens: told how many further tokens have been embedded.
        on_clustered: told how many further vectors of a large index have found their clusters.

    Raises:
        MissingExtraError: when it is large, and faiss is not installed.
        OutputError: when it cannot be written.
        ElmokitError: when vectors are not finite.
    """
    num_bytes = corpus.num_tokens * embedder.dim * UNIT_TYPE.itemsize
    if num_bytes > LARGE_BYTES:
        import_faiss()  # now, not after hours of embedding
    with new_directory(directory) as temporary:
        _check_room(temporary, num_bytes)
        (temporary / "corpus").mkdir()
        corpus.save(temporary / "corpus")
        words = word_units(embedder, corpus)
        (temporary / "words.f16").write_bytes(words.data)
        with (temporary / "vectors.f16").open("wb") as file:
            for units in contextual_units(embedder, corpus, layer, batch_size):
                file.write(units.data)
                if on_tokens is not None:
                    on_tokens(len(units))
        num_clusters = 0
        if num_bytes > LARGE_BYTES:
            vectors = map_array(
                temporary / "vectors.f16", UNIT_TYPE, (corpus.num_tokens, embedder.dim), writable=True
            )
            clusters = find_clusters(vectors, on_clustered)
            num_clusters = len(clusters.centers)
            for name, array in zip(_CLUSTER_FILES, clusters, strict=True):
                (temporary / name).write_bytes(array.data)
        values = {
            "format_version": FORMAT_VERSION,
            "layer": layer,
            "dim": embedder.dim,
            "word_dim": words.shape[1],
            "num_clusters": num_clusters,
            "text": corpus.fingerprint,
            "model": embedder.fingerprint,
            "model_source": str(embedder.pretrained.source),
            "checksums": {
                str(path.relative_to(temporary)): file_checksum(path)
                for path in sorted(temporary.rglob("*"))
                if path.is_file() and path.name != "vectors.f16"
            },
        }
        text = json.dumps({"own_checksum": values_checksum(values), **values}, indent=2)
        (temporary / "index.json").write_text(text + "\n", encoding="utf-8")


def open_index(directory: Path) -> tuple[IndexContent, dict[str, Any]]:
    """Map an index, and tell what is known of it: ``text``, ``model``, ``model_source``.

    Raises:
        CorpusError: when there is none, or it is damaged or of another format version.
    """
    if not is_index(directory):
        raise CorpusError(f"{directory}: no index of neighbors there, expected one that elmokit has built")
    try:
        values = json.loads((directory / "index.json").read_text(encoding="utf-8"))
        own_checksum = values.pop("own_checksum")
        if values["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {values['format_version']}, expected {FORMAT_VERSION}")
        if own_checksum != values_checksum(values):
            raise ValueError("the checksum of index.json is wrong")
        for name, checksum in values["checksums"].items():
            if file_checksum(directory / name) != checksum:
                raise ValueError(f"the checksum of {name} is wrong")
        corpus = open_corpus(directory / "corpus")
        content = IndexContent(
            layer=values["layer"],
            corpus=corpus,
            vectors=map_array(
                directory / "vectors.f16", UNIT_TYPE, (corpus.num_tokens, values["dim"]), writable=True
            ),
            word_vectors=map_array(
                directory / "words.f16",
                UNIT_TYPE,
                (len(corpus.types) - NUM_BOUNDARY_TYPES, values["word_dim"]),
                writable=True,
            ),
            clusters=_map_clusters(directory, values["num_clusters"], values["dim"], corpus.num_tokens),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise CorpusError(
            f"{directory}: damaged index of neighbors ({reason}): delete the directory, and build it again"
        ) from None
    return content, values


def _map_clusters(directory: Path, num_clusters: int, dim: int, num_rows: int) -> Clusters | None:
    if num_clusters == 0:
        return None
    shapes = ((num_clusters, dim), (num_rows,), (num_clusters,))
    return Clusters(
        *(
            map_array(directory / name, np.dtype(kind), shape, writable=True)
            for name, kind, shape in zip(_CLUSTER_FILES, ("<f4", "<u4", "<i8"), shapes, strict=True)
        )
    )


def _check_room(directory: Path, num_bytes: int) -> None:
    """Not after hours of embedding."""
    free = shutil.disk_usage(directory).free
    if free < num_bytes:
        raise OutputError(
            f"{directory.parent}: {free / 1e6:,.0f} MB free, "
            f"the index of neighbors needs {num_bytes / 1e6:,.0f} MB"
        )

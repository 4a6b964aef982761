"""A neighbor index as a directory.

::

    corpus/        the prepared text, see elmokit.data.corpus
    vectors.f16    (num_tokens, D) contextual unit vectors, in text order
    words.f16      (num_types, P) context-free unit vectors of all types except the sentence boundaries
    centers.f32, rows.u32, ends.i64     clusters of the vectors, if the vectors take more than 2 GiB
    vectors.u64    checksum of each vector, in this case
    index.json     format version, layer, widths, fingerprints of text and model, checksums

The directory holds everything that a search needs besides the model, so it can be copied to another machine.
Checksums cover every file, and are compared when the index is opened; those of single vectors, when a search
reads them, see :mod:`elmokit.neighbors.row_checksums`. An index whose ``index.json`` lacks a checksum is not
read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.data.corpus import ARRAY_FILES, Corpus, open_corpus
from elmokit.data.word_types import NUM_BOUNDARY_TYPES
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import CorpusError, OutputError
from elmokit.files.atomic import new_directory
from elmokit.files.checksums import file_checksum, values_checksum
from elmokit.files.json_table import read_json
from elmokit.files.memory_map import map_array
from elmokit.neighbors.clusters import Clusters, find_clusters, import_faiss
from elmokit.neighbors.content import IndexContent, Layer
from elmokit.neighbors.cosine import UNIT_TYPE
from elmokit.neighbors.row_checksums import CHECKSUM_TYPE, row_checksums
from elmokit.neighbors.text_vectors import contextual_units, word_units

FORMAT_VERSION = 1
LARGE_BYTES = 2 << 30
"""Size in bytes above which vectors are clustered; up to it, reading all of them takes at most 0.3 s."""
_CLUSTER_FILES = ("centers.f32", "rows.u32", "ends.i64")
_ROW_CHECKSUMS = "vectors.u64"


def is_index(directory: Path) -> bool:
    """Return whether a directory looks like a neighbor index."""
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
    """Embed a text and write its index, in bounded memory; the directory appears once it is complete.

    Args:
        directory: the directory to write; an existing one is replaced.
        embedder: the model.
        corpus: the text.
        layer: ``average``, or the number of a layer from 0.
        batch_size: number of sentences per batch.
        on_tokens: called with the number of tokens that were just embedded.
        on_clustered: called with the number of vectors of a large index that were just clustered.

    Raises:
        MissingExtraError: if the index is large and faiss is not installed.
        OutputError: if the directory cannot be written.
        ElmokitError: if a vector is not finite.
    """
    num_bytes = corpus.num_tokens * embedder.dim * UNIT_TYPE.itemsize
    if num_bytes > LARGE_BYTES:
        import_faiss()  # fail now, not after hours of embedding
    with new_directory(directory) as temporary:
        _check_free_space(temporary, num_bytes)
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
            (temporary / _ROW_CHECKSUMS).write_bytes(row_checksums(vectors).data)
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
                if path.is_file() and (path.name != "vectors.f16" or num_clusters == 0)
            },
        }
        text = json.dumps({"own_checksum": values_checksum(values), **values}, indent=2)
        (temporary / "index.json").write_text(text + "\n", encoding="utf-8")


def open_index(directory: Path) -> tuple[IndexContent, dict[str, Any]]:
    """Map the files of an index.

    Returns:
        The content, and the values of ``index.json``, among them ``text`` and ``model`` (fingerprints) and
        ``model_source``.

    Raises:
        CorpusError: if there is no index, or it is damaged or has another format version.
    """
    if not is_index(directory):
        raise CorpusError(
            f"{directory}: not a neighbor index, expected a directory that elmokit neighbors has written"
        )
    try:
        values = read_json(directory / "index.json")
        own_checksum = values.pop("own_checksum")
        if values["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {values['format_version']}, expected {FORMAT_VERSION}")
        if own_checksum != values_checksum(values):
            raise ValueError("wrong checksum of index.json")
        expected = _checked_files(values["num_clusters"])
        # Earlier versions wrote none of the vectors.
        if not expected - {"vectors.f16", _ROW_CHECKSUMS} <= values["checksums"].keys() <= expected:
            raise ValueError("index.json does not have the checksum of each file")
        for name in sorted(values["checksums"]):
            if file_checksum(directory / name) != values["checksums"][name]:
                raise ValueError(f"wrong checksum of {name}")
        corpus = open_corpus(directory / "corpus")
        _check_ranges(corpus)
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
            checksums=(
                map_array(directory / _ROW_CHECKSUMS, CHECKSUM_TYPE, (corpus.num_tokens,))
                if _ROW_CHECKSUMS in values["checksums"]
                else None
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise CorpusError(
            f"{directory}: damaged neighbor index ({reason}): delete the directory and build the index again"
        ) from None
    return content, values


def _checked_files(num_clusters: int) -> set[str]:
    """Return the names of the files of an index that have a checksum."""
    corpus = {f"corpus/{name}" for name in (*ARRAY_FILES, "corpus.json")}
    large = {*_CLUSTER_FILES, _ROW_CHECKSUMS}
    return corpus | {"words.f16"} | (large if num_clusters else {"vectors.f16"})


def _check_ranges(corpus: Corpus) -> None:
    """Check what a search looks up: an index may come from others, with checksums that are right."""
    offsets, tokens = corpus.offsets, corpus.tokens
    if offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 0).any():
        raise ValueError("corpus/offsets.i64 does not divide the tokens into sentences")
    if len(tokens) and tokens.max() >= len(corpus.types):
        raise ValueError("corpus/tokens.u32 has words that are not in corpus/spellings.bytes")
    corpus.types.check()


def _map_clusters(directory: Path, num_clusters: int, dim: int, num_rows: int) -> Clusters | None:
    if num_clusters == 0:
        return None
    shapes = ((num_clusters, dim), (num_rows,), (num_clusters,))
    clusters = Clusters(
        *(
            map_array(directory / name, np.dtype(kind), shape, writable=True)
            for name, kind, shape in zip(_CLUSTER_FILES, ("<f4", "<u4", "<i8"), shapes, strict=True)
        )
    )
    ends, rows = clusters.ends, clusters.rows
    if ends[0] < 0 or ends[-1] != num_rows or (np.diff(ends) < 0).any() or rows.max() >= num_rows:
        raise ValueError("the clusters do not divide the vectors")
    return clusters


def _check_free_space(directory: Path, num_bytes: int) -> None:
    """Fail before embedding, not after hours of it."""
    free = shutil.disk_usage(directory).free
    if free < num_bytes:
        raise OutputError(
            f"{directory.parent}: {free / 1e6:,.0f} MB free, "
            f"the neighbor index needs {num_bytes / 1e6:,.0f} MB: free some space or choose another directory"
        )

"""Open the neighbor index that a command searches, and build it first if necessary."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.embedder import ElmoEmbedder
from elmokit.neighbors.content import Layer
from elmokit.neighbors.files import is_index
from elmokit.neighbors.index import DEFAULT_LAYER, NeighborIndex


def open_or_build_index(
    texts: tuple[str, ...],
    embedder: ElmoEmbedder,
    *,
    layer: Layer | None = None,
    directory: Path | None = None,
    batch_size: int = 64,
) -> NeighborIndex:
    """Open an index, or the index of some texts, which are embedded first if they have no index yet.

    Args:
        texts: the directory of an index, or files and globs of texts.
        embedder: the model.
        layer: the layer to index.
        directory: where to keep the index; in the cache by default.
        batch_size: number of sentences per batch.

    Raises:
        UsageError: if ``texts`` is an index, and ``layer`` or ``directory`` is given.
    """
    if len(texts) == 1 and is_index(Path(texts[0])):
        if layer is not None or directory is not None:
            raise click.UsageError(
                f"{texts[0]} is an index: --layers and --index are only for texts",
                click.get_current_context(),
            )
        return NeighborIndex.open(texts[0], embedder)
    paths = find_inputs(texts)
    with terminal.progress_bar("reading", total_bytes(paths), "B") as bar:
        corpus = prepare_corpus(paths, on_bytes=bar.update)
    with (
        terminal.progress_bar("embedding", corpus.num_tokens, " tokens") as bar,
        terminal.progress_bar("clustering", corpus.num_tokens, " tokens") as clustering,
    ):
        index = NeighborIndex.stored(
            embedder,
            corpus,
            directory,
            layer=DEFAULT_LAYER if layer is None else layer,
            batch_size=batch_size,
            on_tokens=bar.update,
            on_clustered=clustering.update,
        )
        is_new = bar.n > 0
    if is_new:
        terminal.note(
            f"{index.directory}: {terminal.counted(corpus.num_tokens, 'token')} indexed, "
            f"{index.num_bytes / 1e6:,.1f} MB\n"
        )
    return index

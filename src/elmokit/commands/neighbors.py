"""elmokit neighbors: the nearest uses of a word in context."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from elmokit.console import terminal
from elmokit.console.concordance import clipped, concordance, terminal_columns
from elmokit.console.layers import LayersType
from elmokit.console.models import batch_size_option, device_option, takes_model
from elmokit.data.find import find_texts
from elmokit.data.occurrences import position_of
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.embedder import ElmoEmbedder
from elmokit.neighbors.files import Layer, is_index
from elmokit.neighbors.index import DEFAULT_LAYER, Nearest, NeighborIndex, Words
from elmokit.pretrained import PretrainedModel


@click.command("neighbors")
@takes_model()
@click.argument("texts", metavar="CORPUS.txt...", nargs=-1, required=True)
@click.option("--query", "queries", multiple=True, required=True, help="A sentence; may be repeated.")
@click.option(
    "--word",
    "words_of_queries",
    metavar="N|WORD",
    multiple=True,
    required=True,
    help="Its word, the first such one; or a place in it: 0 is the first token, -1 the last.",
)
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Neighbors.")
@click.option(
    "--layer",
    type=LayersType(("top", "average")),
    help=f"The top layer, the average of all, or one by its number.  [default: {DEFAULT_LAYER}]",
)
@click.option(
    "--same-word", "words", flag_value="same", default=None, help="Only uses of the word of the query."
)
@click.option("--other-words", "words", flag_value="other", help="Only uses of other words.")
@click.option(
    "--index",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the index there, to take it elsewhere; DIR in the place of CORPUS.txt opens it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each query.")
@batch_size_option
@device_option
def command(
    pretrained: PretrainedModel,
    texts: tuple[str, ...],
    queries: tuple[str, ...],
    words_of_queries: tuple[str, ...],
    k: int,
    layer: Layer | None,
    words: Words | None,
    directory: Path | None,
    as_json: bool,
    batch_size: int,
    device: str,
) -> None:
    """The words of a text that are used most like a word of a sentence.

    CORPUS.txt has one tokenized sentence a line. Its words are embedded once, into an index that is kept
    in the cache and found again as long as text and model are the same. Uses in the sentence itself are
    left out. The words nearest without context stand beside. MODEL is anything that `elmokit info` reads.

    \b
    Example:
      elmokit neighbors tiny-en 'text/*.txt' --query "we are on the right track" --word right
    """
    if len(queries) != len(words_of_queries):
        raise click.UsageError(
            f"{len(queries)} times --query and {len(words_of_queries)} times --word: expected as many",
            click.get_current_context(),
        )
    # Before the text is embedded, which may take hours.
    places = [_place(query.split(), word) for query, word in zip(queries, words_of_queries, strict=True)]
    embedder = ElmoEmbedder(pretrained, device=device)
    index = index_of(texts, embedder, layer=layer, directory=directory, batch_size=batch_size, quiet=as_json)
    for number, (query, place) in enumerate(zip(queries, places, strict=True)):
        nearest = index.nearest(query, place, k, words=words or "all")
        if as_json:
            terminal.say(json.dumps(_values(nearest), ensure_ascii=False))
        else:
            if number:
                terminal.say()
            _show(nearest)


def _place(tokens: list[str], word: str) -> int:
    """A number is a place, unless it is a token of the sentence."""
    if word not in tokens and word.removeprefix("-").isdecimal():
        return position_of(tokens, int(word))
    return position_of(tokens, word)


def index_of(
    texts: tuple[str, ...],
    embedder: ElmoEmbedder,
    *,
    layer: Layer | None = None,
    directory: Path | None = None,
    batch_size: int = 64,
    quiet: bool = False,
) -> NeighborIndex:
    """The index of some texts, embedded first where that has not been done; or open the one that is named."""
    if len(texts) == 1 and is_index(Path(texts[0])):
        if layer is not None or directory is not None:
            raise click.UsageError(
                f"{texts[0]} is an index already: --layer and --index are for a text",
                click.get_current_context(),
            )
        return NeighborIndex.open(texts[0], embedder)
    paths = find_texts(texts)
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
    if is_new and not quiet:
        terminal.say(
            f"{index.directory}: {terminal.counted(corpus.num_tokens, 'token')} indexed, "
            f"{index.num_bytes / 1e6:,.1f} MB\n"
        )
    return index


def _show(nearest: Nearest) -> None:
    columns = terminal_columns()
    terminal.say(nearest.query.shown())
    terminal.say(f"without context: {', '.join(clipped(word) for word, _ in nearest.words)}")
    lines = concordance([neighbor.use for neighbor in nearest.uses], columns - 7)
    for neighbor, line in zip(nearest.uses, lines, strict=True):
        terminal.say(f"{neighbor.similarity:6.3f} {line}")


def _values(nearest: Nearest) -> dict[str, Any]:
    query = nearest.query
    return {
        "query": {"sentence": query.sentence, "position": query.position, "word": query.word},
        "in_context": [
            {
                "similarity": similarity,
                "word": use.word,
                "number": use.number,
                "position": use.position,
                "sentence": use.sentence,
            }
            for use, similarity in nearest.uses
        ],
        "without_context": [{"similarity": similarity, "word": word} for word, similarity in nearest.words],
    }

"""elmokit neighbors: find the nearest occurrences of a word in context."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.concordance import clipped, concordance, terminal_columns
from elmokit.console.layers import one_layer_option
from elmokit.console.models import GivenModel, batch_size_option, device_option, takes_model
from elmokit.console.modes import json_option, wants_json
from elmokit.console.options import num_results_option
from elmokit.console.outputs import OutputPath
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, verb
from elmokit.data.occurrences import position_of

if TYPE_CHECKING:
    from elmokit.neighbors.content import Layer
    from elmokit.neighbors.results import Nearest
    from elmokit.neighbors.search import Words


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    queries, words = values.get("queries") or (), values.get("words_of_queries") or ()
    if queries and words and len(queries) != len(words):
        yield f"expected one --word for each --query, got {len(queries)} --query and {len(words)} --word"


@verb("neighbors")
@checked(_check)
@takes_model()
@click.argument("texts", metavar="CORPUS.txt...", nargs=-1, required=True)
@click.option(
    "--query", "queries", multiple=True, required=True, help="A tokenized sentence. May be repeated."
)
@click.option(
    "--word",
    "words_of_queries",
    metavar="N|WORD",
    multiple=True,
    required=True,
    help="The word of the query, or its position: 0 is the first token, -1 the last. Of a word that "
    "occurs several times, its first occurrence is used. Give one --word for each --query.",
)
@num_results_option
@one_layer_option("average", "it knows the word as well as its context")
@click.option(
    "--same-word",
    "words",
    flag_value="same",
    default=None,
    help="Find only occurrences of the same word.",
)
@click.option("--other-words", "words", flag_value="other", help="Find only occurrences of other words.")
@click.option(
    "--index",
    "directory",
    metavar="DIR",
    type=OutputPath(file_okay=False),
    help="Store the index in DIR instead of the cache. To search it later, pass DIR instead of CORPUS.txt.",
)
@json_option
@batch_size_option
@device_option
@threads_option
def command(
    model: GivenModel,
    texts: tuple[str, ...],
    queries: tuple[str, ...],
    words_of_queries: tuple[str, ...],
    k: int,
    layer: Layer | None,
    words: Words | None,
    directory: Path | None,
    batch_size: int,
    device: str,
) -> None:
    """Find the words of a text that are most similar in context to a word of a sentence.

    CORPUS.txt has one tokenized sentence per line. Its words are embedded once, into an index that is kept in
    the cache and used again as long as text and model do not change. Occurrences in the query sentence itself
    are left out. The nearest words without context are printed as well. MODEL is anything that `elmokit info`
    accepts.

    \b
    Example:
      elmokit neighbors tiny-en 'text/*.txt' --query "we are on the right track" --word right
    """
    # Check the queries before embedding the text, which may take hours.
    positions = [
        _position(query.split(), word) for query, word in zip(queries, words_of_queries, strict=True)
    ]
    pretrained = model.load()
    from elmokit.console.neighbor_index import open_or_build_index
    from elmokit.embedder import ElmoEmbedder

    embedder = ElmoEmbedder(pretrained, device=device)
    index = open_or_build_index(texts, embedder, layer=layer, directory=directory, batch_size=batch_size)
    for number, (query, position) in enumerate(zip(queries, positions, strict=True)):
        nearest = index.nearest(query, position, k, words=words or "all")
        if wants_json():
            terminal.say(json.dumps(_as_dict(nearest), ensure_ascii=False))
        else:
            if number:
                terminal.say()
            _print(nearest)


def _position(tokens: list[str], word: str) -> int:
    """Return the position of a word; a number is a position unless it is a token of the sentence."""
    if word not in tokens and word.removeprefix("-").isdecimal():
        return position_of(tokens, int(word))
    return position_of(tokens, word)


def _print(nearest: Nearest) -> None:
    columns = terminal_columns()
    terminal.say(nearest.query.bracketed())
    terminal.say(f"without context: {', '.join(clipped(word) for word, _ in nearest.words)}")
    lines = concordance([occurrence for occurrence, _ in nearest.occurrences], columns - 7)
    for (_, similarity), line in zip(nearest.occurrences, lines, strict=True):
        terminal.say(f"{similarity:6.3f} {line}")


def _as_dict(nearest: Nearest) -> dict[str, Any]:
    query = nearest.query
    return {
        "query": {"sentence": query.sentence, "position": query.position, "word": query.word},
        "in_context": [
            {
                "similarity": similarity,
                "word": occurrence.word,
                "number": occurrence.sentence_index,
                "position": occurrence.position,
                "sentence": occurrence.sentence,
            }
            for occurrence, similarity in nearest.occurrences
        ],
        "without_context": [{"similarity": similarity, "word": word} for word, similarity in nearest.words],
    }

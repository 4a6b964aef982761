"""elmokit plot: draw a map of words in context."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from elmokit.console import terminal
from elmokit.console.figure_width import figure_width_option, needs_figure
from elmokit.console.inputs import find_inputs
from elmokit.console.layers import one_layer_option
from elmokit.console.models import GivenModel, device_option, takes_model
from elmokit.console.modes import json_option
from elmokit.console.options import seed_option, words_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.data.read import read_lines, read_sentences
from elmokit.errors import TextError
from elmokit.files.atomic import refuse_inputs
from elmokit.visualize.figures import MAP_SUFFIXES, check_suffix, save_figure

if TYPE_CHECKING:
    from elmokit.embedder import Layers
    from elmokit.visualize.projection import Method
    from elmokit.visualize.word_map import ColorBy


def _explain_rest(rest: list[str]) -> str:
    if len(rest) == 1:
        return f"plot takes one text; write --compare {rest[0]} to draw the words of both"
    return "plot takes one text, and a second one by --compare OTHER.txt"


@verb("plot", explain_rest=_explain_rest)
@takes_model()
@click.argument("text", metavar="SENTENCES.txt")
@takes_output(
    "File to write; its suffix selects what is drawn: .png, .svg or .pdf, a figure; .html, a page to zoom "
    "and search, layer by layer; .gif, .webp or .mp4, an animation through the layers; .parquet, a table for "
    "Embedding Atlas.",
    dir_okay=False,
)
@click.option(
    "--method",
    type=click.Choice(["tsne", "umap", "pca"]),
    default="tsne",
    show_default=True,
    help="Method to project the vectors to two dimensions.",
)
@one_layer_option("top", "it tells the senses of a word apart best", default="top")
@words_option
@click.option(
    "--perplexity", type=float, help="Perplexity of t-SNE.  [default: 30, or less if there are few words]"
)
@seed_option
@click.option(
    "--color-by",
    type=click.Choice(["sentence", "word", "label", "sense", "cluster"]),
    help="What the colors show. With label, each line is a label, a tab and a sentence.  "
    "[default: senses of a single word; words or sentences, if there are few; else clusters]",
)
@click.option(
    "--compare",
    "other",
    metavar="OTHER.txt",
    help="A second text: the colors show the texts, and .html lists which words are used differently.",
)
@click.option(
    "--max-points",
    type=click.IntRange(min=1),
    default=3000,
    show_default=True,
    help="Maximum number of words; of more, those of random sentences are drawn.",
)
@figure_width_option
@json_option
@device_option
@threads_option
def command(
    model: GivenModel,
    text: str,
    output: Path,
    method: str,
    layer: Layers,
    words: tuple[str, ...],
    perplexity: float | None,
    seed: int,
    color_by: str | None,
    other: str | None,
    max_points: int,
    width: float | None,
    device: str,
) -> None:
    """Draw the words of SENTENCES.txt so that occurrences with similar vectors are close.

    The text has one tokenized sentence per line. MODEL is anything that `elmokit info` accepts.

    \b
    Example:
      elmokit plot tiny-en sentences.txt -o plot.png
      elmokit plot tiny-en speeches.txt -o right.html --word right --word left
      elmokit plot tiny-en speeches.txt -o right.pdf --word right --width column
      elmokit plot tiny-en speeches.txt --compare novels.txt -o rest.html --word rest
    """
    check_suffix(output)
    needs_figure(output, width)
    refuse_inputs(output, [text] if other is None else [text, other])
    if other is not None and color_by is not None:
        raise click.UsageError("--compare colors by text: leave --color-by out")
    labels, sentences = _read(text, with_labels=color_by == "label")
    texts = None
    if other is not None:
        texts = _names(text, other)
        more = _read(other, with_labels=False)[1]
        labels = [texts[0]] * len(sentences) + [texts[1]] * len(more)
        sentences += more
    pretrained = model.load()
    from elmokit.embedder import ElmoEmbedder
    from elmokit.formats.parquet_part import require_pyarrow
    from elmokit.visualize.atlas_table import TASK
    from elmokit.visualize.interactive_map import InteractiveMap
    from elmokit.visualize.static_map import draw_static
    from elmokit.visualize.word_map import map_words

    suffix = output.suffix.lower()
    is_table = suffix == ".parquet"
    if is_table:
        require_pyarrow(TASK)
    with terminal.progress_bar("drawing", 1.0, "map") as bar:
        word_map = map_words(
            ElmoEmbedder(pretrained, device=device),
            sentences,
            layer=layer,
            words=words,
            method=cast("Method", method),
            perplexity=perplexity,
            color_by=cast("ColorBy | None", color_by),
            labels=labels,
            max_points=max_points,
            seed=seed,
            neighbors=is_table,
            every_layer=suffix in MAP_SUFFIXES and not is_table,
            text_name=Path(text).name if texts is None else " and ".join(texts),
            texts=texts,
            on_progress=lambda fraction: bar.update(fraction - bar.n),
        )
    if suffix in MAP_SUFFIXES:
        save_figure(InteractiveMap(word_map), output)
        caption = word_map.caption
    else:
        drawn = draw_static(word_map, width)
        save_figure(drawn.figure, output)
        caption = drawn.caption
        _warn_of_missing(drawn.missing)
    found = {} if word_map.comparison is None else {"comparison": word_map.comparison.to_json()}
    terminal.report(f"{output}: {caption}", output=output, num_points=len(word_map.occurrences), **found)


def _names(text: str, other: str) -> tuple[str, str]:
    """Return the names of two texts: those of the files, with as many directories as tell them apart."""
    own, others = Path(text).parts, Path(other).parts
    for depth in range(1, max(len(own), len(others)) + 1):
        names = ("/".join(own[-depth:]), "/".join(others[-depth:]))
        if names[0] != names[1]:
            return names
    raise click.UsageError(f"--compare: expected another text, got {other} twice")


def _warn_of_missing(characters: Collection[str]) -> None:
    """Say which characters are drawn as boxes because no font has them."""
    if characters:
        from elmokit.visualize.fonts import scripts_of

        terminal.warn(
            f"no installed font has {terminal.counted(len(characters), 'character')} of the text "
            f"({', '.join(scripts_of(characters)[:8])}), drawn as boxes: "
            "install the Noto fonts, which cover all scripts"
        )


def _read(text: str, *, with_labels: bool) -> tuple[list[str] | None, list[list[str]]]:
    """Return labels, if each line starts with one, and sentences."""
    paths = find_inputs([text])
    if not with_labels:
        return None, [sentence for path in paths for sentence in read_sentences(path)]
    labels, sentences = [], []
    for path in paths:
        for number, line in enumerate(read_lines(path), start=1):
            label, tab, sentence = line.partition("\t")
            if not tab and line.strip():
                raise TextError(f"{path}:{number}: no tab, expected a label, a tab and a sentence")
            labels.append(label.strip())
            sentences.append(sentence.split())
    return labels, sentences

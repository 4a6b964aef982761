"""Plot words in context with one call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from elmokit.arguments import checked, instance_of
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.visualize.interactive_map import InteractiveMap
from elmokit.visualize.projection import Method
from elmokit.visualize.static_map import draw_static
from elmokit.visualize.word_map import ColorBy, map_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked
def plot_occurrences(
    embedder: ElmoEmbedder,
    sentences: Iterable[str | Sequence[str]],
    *,
    layer: Layers = "top",
    words: Collection[str] = (),
    method: Method = "tsne",
    perplexity: float | None = None,
    color_by: ColorBy | None = None,
    labels: Sequence[str] | None = None,
    max_points: int = 3000,
    seed: int = 0,
    interactive: bool = False,
    width: float | None = None,
) -> Figure | InteractiveMap:
    """Draw the words of some sentences so that occurrences with similar contextual vectors are close.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on whitespace.
        layer: ``top``, ``average`` over the layers, or the number of one layer; 0 is the context-free token
            layer.
        words: the words to show, each with some context; all words by default.
        method: ``tsne``, ``umap`` or ``pca``.
        perplexity: perplexity of t-SNE; 30 by default, or less if there are few points.
        color_by: ``sentence``, ``word``, ``label``, ``sense`` or ``cluster``; by default the senses of a
            single word, or what has few distinct values, or clusters of many words.
        labels: a label for each sentence, for example the sense of its word.
        max_points: maximum number of words; of more, those of random sentences are shown.
        seed: random seed; the same seed gives the same figure.
        interactive: whether to return an interactive map, with all layers, search and the sentences of the
            points, instead of a Matplotlib figure.
        width: of the Matplotlib figure, in centimeters, for example 7.7 for a column of an ACL paper; by
            default it depends on the number of words.

    Returns:
        The figure, which a notebook displays; :func:`elmokit.save_figure` saves it.

    Raises:
        ConfigError: if an argument is invalid, or the labels do not match the sentences.
        ElmokitError: if there is no word to show, or ``sentences`` is a single string.
        MissingExtraError: if a plotting package is not installed.
    """
    instance_of("embedder", embedder, ElmoEmbedder)
    word_map = map_words(
        embedder,
        sentences,
        layer=layer,
        words=words,
        method=method,
        perplexity=perplexity,
        color_by=color_by,
        labels=labels,
        max_points=max_points,
        seed=seed,
        every_layer=interactive,
    )
    return InteractiveMap(word_map) if interactive else draw_static(word_map, width).figure

"""Pictures of words in context, in one call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.visualize.interactive_map import draw_interactive
from elmokit.visualize.map_layout import lay_out
from elmokit.visualize.projection import Method
from elmokit.visualize.static_map import draw_static
from elmokit.visualize.word_map import ColorBy, map_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as InteractiveFigure


def plot_uses(
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
) -> Figure | InteractiveFigure:
    """Draw the words of some sentences, so that uses with similar contextual vectors lie close.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on white space.
        layer: ``top``, ``average`` over the layers, or a layer's number, 0 being the one without context.
        words: the words to show, each with some words around it; all by default.
        method: ``tsne``, ``umap`` or ``pca``.
        perplexity: of t-SNE; by default 30, or what few points allow.
        color_by: ``sentence``, ``word`` or ``label``; by default what there are few of.
        labels: of each sentence, such as the sense of its word.
        max_points: more words than these are thinned out at random.
        seed: the same seed, the same picture.
        interactive: a figure of Plotly, whose points tell their sentences, instead of one of Matplotlib.

    Returns:
        The figure, which a notebook shows; :func:`elmokit.visualize.figure.save_figure` writes it.

    Raises:
        ConfigError: when an argument is wrong or the labels do not fit the sentences.
        ElmokitError: when no word is left to show, or ``sentences`` is a single string.
        MissingExtraError: when a package that draws is not installed.
    """
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
    )
    layout = lay_out(word_map)
    return draw_interactive(layout) if interactive else draw_static(layout)

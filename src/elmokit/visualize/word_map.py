"""Words in context as points of a map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from elmokit.data.occurrences import Use, find_uses, sample_uses, vectors_of
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import ConfigError
from elmokit.visualize.projection import Method, explained_variance, project

ColorBy: TypeAlias = Literal["sentence", "word", "label"]

_FEW = 8  # groups whose colors can be told apart
_CONTEXT_WORDS = 2  # on either side, where all points are uses of the same few words
_MOST_LABELS = 8  # with the same text
_LONGEST_TEXT = 40  # characters of a label
_METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


@dataclass(frozen=True)
class WordMap:
    """Uses of words, placed so that those with similar vectors lie close."""

    uses: list[Use]
    """N of them"""
    coordinates: np.ndarray
    """(N, 2)"""
    texts: list[str]
    """What is written at each point."""
    groups: list[str] | None
    """What each point's color stands for; None for one color."""
    axes: tuple[str, str] | None
    """What the axes mean; None where distances alone have a meaning."""
    caption: str
    """How the map was made."""

    @property
    def by_importance(self) -> list[int]:
        """The points in the order in which they deserve a label: every word once, rare words first.

        What is written at very many points is not told over and over.
        """
        frequency = Counter(self.texts)
        seen: Counter[str] = Counter()
        ranks = []
        for text in self.texts:
            ranks.append((seen[text], frequency[text]))
            seen[text] += 1
        worth_telling = [k for k, (place, _) in enumerate(ranks) if place < _MOST_LABELS]
        return sorted(worth_telling, key=ranks.__getitem__)


def map_words(
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
    on_progress: Callable[[float], None] | None = None,
) -> WordMap:
    """Place the words of some sentences on a map.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on white space.
        layer: ``top``, ``average`` over the layers, or a layer's number, 0 being the one without context.
        words: the words to show; all by default.
        method: ``tsne``, ``umap`` or ``pca``, see :func:`elmokit.visualize.projection.project`.
        perplexity: of t-SNE.
        color_by: ``sentence``, ``word`` or ``label``; by default labels if there are any, else the words
            that are asked for or the sentences, if they are few.
        labels: of each sentence.
        max_points: more words than these are thinned out at random.
        seed: of the method and of that choice.
        on_progress: told the share of the work that is done, from 0 to 1.

    Raises:
        ConfigError: when an argument is wrong or the labels do not fit the sentences.
        ElmokitError: when no word is left to show, or ``sentences`` is a single string.
        MissingExtraError: when the package behind the method is not installed.
    """
    if layer == "all":
        raise ConfigError("layer: a map shows one layer: expected top, average or a number, got all")
    if max_points < 1:
        raise ConfigError(f"max_points: expected at least 1, got {max_points}")
    if color_by not in (None, "sentence", "word", "label"):
        raise ConfigError(f"color_by: expected sentence, word or label, got {color_by!r}")
    report = on_progress or (lambda share: None)
    sentences = sentences if isinstance(sentences, str) else list(sentences)
    if labels is not None and len(labels) != len(sentences):
        raise ConfigError(f"labels: {len(labels)} for {len(sentences)} sentences, expected one for each")
    if labels is None and color_by == "label":
        raise ConfigError("color_by=label: there are no labels, expected one for each sentence")
    found = find_uses(sentences, words)
    uses = sample_uses(found, max_points, seed)
    vectors = vectors_of(
        embedder, uses, layer, on_sentences=lambda done, total: report(done / total / 2)
    )  # (N, D)
    coordinates = project(
        vectors,
        method,
        perplexity=perplexity,
        seed=seed,
        on_progress=lambda share: report((1 + share) / 2),
    )
    report(1.0)
    axes = None
    if method == "pca":
        first, second = explained_variance(vectors, coordinates)
        axes = (f"first component, {first:.0%} of the variance", f"second component, {second:.0%}")
    name = (
        f"layer {layer}"
        if isinstance(layer, int)
        else {"top": "top layer", "average": "mean of layers"}[layer]
    )
    thinned = "" if len(uses) == len(found) else f", {len(uses):,} of {len(found):,} words"
    return WordMap(
        uses,
        coordinates,
        [_text(use, in_context=bool(words)) for use in uses],
        _groups(uses, color_by, words, labels),
        axes,
        f"{_METHOD_NAMES[method]}, {name}{thinned}",
    )


def _groups(
    uses: list[Use], color_by: ColorBy | None, words: Collection[str], labels: Sequence[str] | None
) -> list[str] | None:
    by_sentence = [" ".join(use.sentence) for use in uses]
    if color_by == "label" or (color_by is None and labels is not None):
        assert labels is not None
        return [labels[use.number] for use in uses]
    if color_by == "word" or (color_by is None and 1 < len(set(words)) <= _FEW):
        return [use.word for use in uses]
    if color_by == "sentence" or (color_by is None and 1 < len(set(by_sentence)) <= _FEW and not words):
        return by_sentence
    return None


def _text(use: Use, *, in_context: bool) -> str:
    if not in_context:
        return _cut(use.word)
    start, stop = max(0, use.position - _CONTEXT_WORDS), use.position + 1 + _CONTEXT_WORDS
    text = " ".join(_cut(word) for word in use.sentence[start:stop])
    return ("… " if start else "") + text + (" …" if stop < len(use.sentence) else "")


def _cut(word: str) -> str:
    return word if len(word) <= _LONGEST_TEXT else word[: _LONGEST_TEXT - 1] + "…"

"""Words in context as points of a map."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from elmokit.arguments import one_of, whole_number
from elmokit.data.occurrences import Occurrence, find_occurrences, sample_occurrences, sample_words
from elmokit.data.sentences import tokenized
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import ConfigError, ModelFileError
from elmokit.language_model import Candidate, LanguageModel
from elmokit.model.layer_choice import choose_layers
from elmokit.visualize.layer_maps import LayerMap, layer_name, map_layers
from elmokit.visualize.occurrence_vectors import embed_occurrences
from elmokit.visualize.projection import Method, explained_variance, project, used_method
from elmokit.visualize.senses import MIN_OCCURRENCES, central_points, find_senses
from elmokit.visualize.text_comparison import TextComparison, compare_texts
from elmokit.visualize.word_clusters import MIN_WORDS, find_clusters

ColorBy: TypeAlias = Literal["sentence", "word", "label", "sense", "cluster"]

_FEW = 8  # groups whose colors can be told apart
CONTEXT_WORDS = 2  # on either side, if all points are occurrences of the same few words
_MAX_LABELS = 8  # with the same text
_MAX_CHARACTERS = 40  # of a word in a label
_WORDS_IN_TITLE = 4
_AVERAGE = "average of the layers"
_NUM_SUBSTITUTES = 6
_MAX_SUBSTITUTED = 5000  # words; for each, the language model reads a sentence
_EMBEDDING = 0.4  # share of the work
_METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


@dataclass(frozen=True)
class WordMap:
    """Word occurrences, arranged so that occurrences with similar vectors are close."""

    occurrences: list[Occurrence]
    """The N occurrences."""
    coordinates: np.ndarray
    """(N, 2) coordinates."""
    texts: list[str]
    """The label of each point."""
    groups: list[str] | None
    """The group of each point, shown by its color; None if all points have the same color."""
    axes: tuple[str, str] | None
    """Axis labels; None if only distances are meaningful."""
    caption: str
    """How the map was made."""
    title: str = "Words in context"
    """What the map shows: the words, the text and the model."""
    seed: int = 0
    """Random seed of the projection."""
    layers: tuple[LayerMap, ...] = ()
    """The same words in every layer, or in this one with its nearest words, if this was asked for."""
    start: int = 0
    """Index in ``layers`` of the layer that the coordinates belong to."""
    central: Mapping[str, int] = field(default_factory=dict)
    """The point of each group that is nearest to the mean vector of the group."""
    in_context: bool = False
    """Whether the labels show the words around a word."""
    method: str = ""
    """Name of the method of the projection."""
    substitutes: tuple[list[Candidate], ...] = ()
    """What the language model predicts in place of each point; empty without one, or for many points."""
    comparison: TextComparison | None = None
    """How two texts differ, if this was asked for."""

    def __repr__(self) -> str:
        return f"WordMap({self.title!r}, num_points={len(self.occurrences)}, {self.caption!r})"

    @property
    def uses(self) -> list[Occurrence]:
        """Deprecated name of ``occurrences``."""
        warnings.warn("WordMap.uses is deprecated: use occurrences", DeprecationWarning, stacklevel=2)
        return self.occurrences

    @property
    def by_importance(self) -> list[int]:
        """Indices of the points in the order in which they should be labeled.

        Every text comes once before any text is repeated, rare texts first. The order has no more than eight
        points with the same text.
        """
        frequency = Counter(self.texts)
        seen: Counter[str] = Counter()
        ranks = []
        for text in self.texts:
            ranks.append((seen[text], frequency[text]))
            seen[text] += 1
        candidates = [k for k, (repetition, _) in enumerate(ranks) if repetition < _MAX_LABELS]
        return sorted(candidates, key=ranks.__getitem__)


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
    neighbors: bool = False,
    every_layer: bool = False,
    text_name: str = "",
    texts: tuple[str, str] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> WordMap:
    """Compute a map of the words of some sentences.

    Args:
        embedder: the model.
        sentences: as in :func:`elmokit.plot_occurrences`, like all arguments up to ``seed``.
        layer: the layer whose vectors are compared.
        words: the words to show.
        method: see :func:`elmokit.visualize.projection.project`.
        perplexity: perplexity of t-SNE.
        color_by: by default ``label`` if there are labels, else the senses of a single word
            (:func:`~elmokit.visualize.senses.find_senses`), or the chosen words or the sentences if there are
            at most eight of them, else clusters of all words
            (:func:`~elmokit.visualize.word_clusters.find_clusters`).
        labels: a label for each sentence.
        max_points: maximum number of words; of more, those of random sentences are shown.
        seed: random seed of the projection and of the sample.
        neighbors: whether to find the nearest words of each word.
        every_layer: whether to find the nearest words in every layer, and to map the other layers as well,
            see :func:`~elmokit.visualize.layer_maps.map_layers`.
        text_name: name of the text, for the title.
        texts: two of the labels, which are names of texts to compare
            (:func:`~elmokit.visualize.text_comparison.compare_texts`).
        on_progress: called with the completed fraction of the work, from 0 to 1.

    Raises:
        ConfigError: if an argument is invalid, or the labels do not match the sentences.
        ElmokitError: if there is no word to show, or ``sentences`` is a single string.
        MissingExtraError: if the package that implements the method is not installed.
    """
    tokenized(sentences)  # refuses what are no sentences
    sentences = list(sentences)
    _check(layer, max_points, color_by, labels, len(sentences))
    seed = whole_number("seed", seed, least=0)
    report = on_progress or (lambda fraction: None)
    choice = choose_layers(layer, embedder.num_layers)
    if words:
        found = find_occurrences(sentences, words)
        occurrences, total = sample_occurrences(found, max_points, seed), len(found)
    else:
        occurrences, total = sample_words(sentences, max_points, seed)
    embedded = embed_occurrences(
        embedder,
        occurrences,
        "all" if every_layer else layer,
        on_sentences=lambda done, total: report(done / total * _EMBEDDING),
    )  # (L, N, D) or (N, D)
    shown = _AVERAGE if layer == "average" else layer_name(choice.indexes[0])
    named = {shown: embedded}
    if every_layer:
        named = {layer_name(number): one for number, one in enumerate(embedded)}
        if layer == "average":
            named[shown] = embedded.mean(axis=0)
    vectors = named[shown]

    def report_layout(fraction: float) -> None:
        report(_EMBEDDING + (1 - _EMBEDDING) * fraction)

    maps: list[LayerMap] = []
    if neighbors or every_layer:
        coordinates, maps = map_layers(
            named, shown, method, perplexity=perplexity, seed=seed, on_progress=report_layout
        )
    else:
        coordinates = project(vectors, method, perplexity=perplexity, seed=seed, on_progress=report_layout)
    report(1.0)
    axes, used = None, used_method(vectors, method)
    drawn_by = _METHOD_NAMES[used]
    if used != method:
        drawn_by += f" (too few different words for {_METHOD_NAMES[method]})"
    if used == "pca":
        first, second = explained_variance(vectors, coordinates)
        axes = (f"first component, {first:.0%} of the variance", f"second component, {second:.0%}")
    sampled = "" if len(occurrences) == total else f", {len(occurrences):,} of {total:,} words"
    by_sense = _colors_senses(color_by, words, labels, len(occurrences))
    groups = (
        find_senses(vectors, occurrences, seed=seed)
        if by_sense
        else _groups(occurrences, color_by, words, labels)
    )
    by_cluster = color_by == "cluster" or (
        color_by is None and groups is None and not words and len(occurrences) >= MIN_WORDS
    )
    if by_cluster:
        groups = find_clusters(vectors, occurrences, seed=seed)
    return WordMap(
        occurrences,
        coordinates,
        [_text(occurrence, in_context=bool(words)) for occurrence in occurrences],
        groups,
        axes,
        f"{drawn_by}, {_layer_name(layer)}{sampled}",
        title=_title(words, text_name, _model_name(embedder.pretrained.source)),
        seed=seed,
        layers=tuple(maps),
        start=list(named).index(shown),
        central=central_points(vectors, groups) if (by_sense or by_cluster) and groups else {},
        in_context=bool(words),
        method=_METHOD_NAMES[used],
        substitutes=_substitutes(embedder, occurrences) if every_layer else (),
        comparison=None
        if texts is None or labels is None
        else _comparison(vectors, occurrences, labels, texts, seed),
    )


def _substitutes(embedder: ElmoEmbedder, occurrences: list[Occurrence]) -> tuple[list[Candidate], ...]:
    if len(occurrences) > _MAX_SUBSTITUTED:
        return ()
    try:
        language_model = LanguageModel(embedder.pretrained, device=str(embedder.model.device))
    except ModelFileError:  # the model is a biLM without softmax or vocabulary
        return ()
    return tuple(language_model.iter_substitutes(occurrences, _NUM_SUBSTITUTES))


def _comparison(
    vectors: np.ndarray,
    occurrences: list[Occurrence],
    labels: Sequence[str],
    texts: tuple[str, str],
    seed: int,
) -> TextComparison:
    is_second = np.array([labels[occurrence.sentence_index] == texts[1] for occurrence in occurrences])
    has_one_word = len({occurrence.word for occurrence in occurrences}) == 1
    senses = find_senses(vectors, occurrences, seed=seed) if has_one_word else ()
    return compare_texts(vectors, occurrences, is_second, texts, senses=senses, seed=seed)


def _model_name(source: Path) -> str:
    """Return the name of a model: that of its directory, or of the directory of its weights."""
    return source.parent.name if source.is_file() else source.name


def _title(words: Collection[str], text_name: str, model: str) -> str:
    """Return what a map shows, for example ``“right” in speeches.txt · tiny-en``."""
    quoted = [f"“{_shortened(word)}”" for word in dict.fromkeys(words)]
    if len(quoted) > _WORDS_IN_TITLE:
        quoted = [*quoted[:_WORDS_IN_TITLE], f"{len(quoted) - _WORDS_IN_TITLE} more"]
    subject = ", ".join(quoted) or "Words"
    return " · ".join(part for part in (f"{subject} in {text_name or 'context'}", model) if part)


def _check(
    layer: Layers,
    max_points: int,
    color_by: str | None,
    labels: Sequence[str] | None,
    num_sentences: int,
) -> None:
    if isinstance(layer, str) and layer == "all":
        raise ConfigError("layer: a map shows one layer: expected top, average or a number, got all")
    whole_number("max_points", max_points, least=1)
    if color_by is not None:
        one_of("color_by", color_by, get_args(ColorBy))
    if labels is not None and len(labels) != num_sentences:
        raise ConfigError(f"labels: expected one for each of {num_sentences} sentences, got {len(labels)}")
    if labels is None and color_by == "label":
        raise ConfigError("color_by=label: no labels given, expected one for each sentence")


def _layer_name(layer: Layers) -> str:
    return {"top": "top layer", "average": "mean of layers"}.get(str(layer), f"layer {layer}")


def _colors_senses(
    color_by: ColorBy | None, words: Collection[str], labels: Sequence[str] | None, num_occurrences: int
) -> bool:
    is_default = color_by is None and labels is None and len(set(words)) == 1
    return color_by == "sense" or (is_default and num_occurrences >= MIN_OCCURRENCES)


def _groups(
    occurrences: list[Occurrence],
    color_by: ColorBy | None,
    words: Collection[str],
    labels: Sequence[str] | None,
) -> list[str] | None:
    by_sentence = [" ".join(occurrence.sentence) for occurrence in occurrences]
    if color_by == "label" or (color_by is None and labels is not None):
        assert labels is not None
        return [labels[occurrence.sentence_index] for occurrence in occurrences]
    if color_by == "word" or (color_by is None and 1 < len(set(words)) <= _FEW):
        return [occurrence.word for occurrence in occurrences]
    if color_by == "sentence" or (color_by is None and 1 < len(set(by_sentence)) <= _FEW and not words):
        return by_sentence
    return None


def _text(occurrence: Occurrence, *, in_context: bool) -> str:
    if not in_context:
        return _shortened(occurrence.word)
    start = max(0, occurrence.position - CONTEXT_WORDS)
    stop = occurrence.position + 1 + CONTEXT_WORDS
    text = " ".join(_shortened(word) for word in occurrence.sentence[start:stop])
    return ("… " if start else "") + text + (" …" if stop < len(occurrence.sentence) else "")


def _shortened(word: str) -> str:
    return word if len(word) <= _MAX_CHARACTERS else word[: _MAX_CHARACTERS - 1] + "…"

"""Export word occurrences to TensorBoard's Embedding Projector, layer by layer."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmokit.arguments import checked, instance_of, whole_number
from elmokit.data.occurrences import Occurrence, find_occurrences, sample_occurrences
from elmokit.data.sentences import tokenized
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError
from elmokit.formats.projector_run import Bookmark, write_projector_run
from elmokit.visualize.layer_maps import map_layers
from elmokit.visualize.occurrence_vectors import embed_occurrences
from elmokit.visualize.projection import used_method
from elmokit.visualize.senses import find_senses

RUN = "projector"
"""Name of the run, a subdirectory of the log directory."""

_COLUMNS = ("word", "sentence", "position", "frequency")
_LOG_FREQUENCY = "log10 frequency"  # frequencies differ by powers of ten, and the page colors linearly
_SENSE = "sense"
# Every word repeats its sentence in its row, so a long sentence is cut to the context of the word.
_CONTEXT_WORDS = 30  # on either side
_MAX_CHARACTERS = 1000  # per field


@dataclass(frozen=True)
class ProjectorLog:
    """What :func:`write_projector` has written."""

    directory: Path
    """Directory of the run."""
    tensors: tuple[str, ...]
    """Names of the layers."""
    num_points: int
    """N, the number of occurrences that were written."""
    num_occurrences: int
    """Number of occurrences that were found."""
    dim: int
    """D, the width of a vector."""

    @property
    def num_uses(self) -> int:
        """Deprecated name of ``num_occurrences``."""
        warnings.warn(
            "ProjectorLog.num_uses is deprecated: use num_occurrences", DeprecationWarning, stacklevel=2
        )
        return self.num_occurrences


@checked
def write_projector(
    embedder: ElmoEmbedder,
    sentences: Iterable[str | Sequence[str]],
    logdir: str | Path,
    *,
    words: Collection[str] = (),
    max_points: int = 10_000,
    seed: int = 0,
    layouts: bool = False,
    on_sentences: Callable[[int, int], None] | None = None,
    on_layout: Callable[[float], None] | None = None,
) -> ProjectorLog:
    """Write word occurrences for TensorBoard's projector: ``tensorboard --logdir LOGDIR``, tab Projector.

    Each layer becomes a tensor, and so does the average of the layers. Each point has its word, its sentence,
    its position in the sentence (from 0), and the frequency of the word in the text and its logarithm. The
    files form a run of their own, the directory ``projector`` in ``logdir``: an earlier such run is replaced,
    and nothing else is touched. The same arguments and model give the same bytes.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on whitespace. Tokens may contain any
            characters; :func:`elmokit.formats.projector_run.metadata_field` describes how they are shown.
        logdir: TensorBoard's log directory; created if it does not exist.
        words: the words whose occurrences are written; all words by default.
        max_points: maximum number of points; more occurrences are sampled at random, in text order. A browser
            handles about ten thousand points, and TensorBoard sends at most 100,000.
        seed: random seed of the sample and of the layouts.
        layouts: whether to add a t-SNE layout of each layer, aligned with each other, as a bookmark of the
            projector, unless fewer than 5 of the vectors differ. Its colors are the senses of a single chosen
            word (an additional column), the words if several are chosen, else the logarithms of the
            frequencies.
        on_sentences: called with the number of sentences embedded so far and their total number.
        on_layout: called with the completed fraction of the layouts, from 0 to 1.

    Raises:
        ConfigError: if ``max_points`` is below 2.
        MissingExtraError: if the packages that compute layouts and senses are not installed.
        ElmokitError: if ``sentences`` is a single string, there are fewer than two words to write
            (TensorBoard does not show a single point), or a vector is not finite.
        OutputError: if the files cannot be written, or other files are in the way.
    """
    instance_of("embedder", embedder, ElmoEmbedder)
    max_points = whole_number("max_points", max_points, least=2)
    seed = whole_number("seed", seed, least=0)
    text = list(tokenized(sentences))
    found = find_occurrences(text, words)
    if len(found) == 1:
        raise ElmokitError(
            f"found only one word, {found[0].bracketed(_CONTEXT_WORDS)!r}: "
            "TensorBoard's projector needs at least two"
        )
    occurrences = sample_occurrences(found, max_points, seed)
    layers = embed_occurrences(embedder, occurrences, "all", on_sentences=on_sentences)  # (L, N, D)
    _check_finite(layers, occurrences)
    tensors = {layer_name(number): vectors for number, vectors in enumerate(layers)}
    tensors["average"] = layers.mean(axis=0)
    frequencies = Counter(word for sentence in text for word in sentence)
    directory = Path(logdir) / RUN
    columns = [*_COLUMNS, _LOG_FREQUENCY]
    rows: list[tuple[str | float, ...]] = []
    for occurrence in occurrences:
        frequency = frequencies[occurrence.word]
        place = (occurrence.position, frequency, round(math.log10(frequency), 3))
        rows.append((_shortened(occurrence.word), _excerpt(occurrence), *place))
    bookmarks = None
    if layouts and used_method(layers[-1], "tsne") == "tsne":
        color_by = "word" if words else _LOG_FREQUENCY
        if len(set(words)) == 1:
            color_by = _SENSE
            senses = find_senses(layers[-1], occurrences, seed=seed)
            columns.append(_SENSE)
            rows = [(*row, sense) for row, sense in zip(rows, senses, strict=True)]
        top = layer_name(len(layers) - 1)
        _, maps = map_layers(tensors, top, "tsne", seed=seed, on_progress=on_layout)
        label = f"t-SNE, colored by {color_by}"
        bookmarks = {layer.name: Bookmark(label, layer.coordinates, color_by) for layer in maps}
    write_projector_run(directory, tensors, columns, rows, bookmarks)
    return ProjectorLog(directory, tuple(tensors), len(occurrences), len(found), layers.shape[-1])


def layer_name(number: int) -> str:
    """Return the name of a layer in the projector."""
    return "tokens (no context)" if number == 0 else f"lstm {number}"


def _check_finite(layers: np.ndarray, occurrences: list[Occurrence]) -> None:
    """Refuse vectors for which the projector would show an empty page."""
    problems = np.argwhere(~np.isfinite(layers).all(axis=-1))
    if len(problems):
        number, index = problems[0]
        occurrence = occurrences[index]
        raise ElmokitError(
            f"{layer_name(number)}: the vector of {_shortened(occurrence.word)!r} in sentence "
            f"{occurrence.sentence_index + 1} is not finite (and {len(problems) - 1:,} more): "
            "check the weights of the model"
        )


def _excerpt(occurrence: Occurrence) -> str:
    sentence = occurrence.sentence
    if len(sentence) <= 2 * _CONTEXT_WORDS + 1:
        return _shortened(" ".join(sentence))
    start = max(0, occurrence.position - _CONTEXT_WORDS)
    stop = occurrence.position + 1 + _CONTEXT_WORDS
    before = "... " if start else ""
    after = " ..." if stop < len(sentence) else ""
    return _shortened(f"{before}{' '.join(sentence[start:stop])}{after}")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 3]}..."

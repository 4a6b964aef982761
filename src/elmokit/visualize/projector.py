"""Uses of words for TensorBoard's Embedding Projector, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmokit.data.occurrences import Use, find_uses, sample_uses, vectors_of
from elmokit.embedder import ElmoEmbedder, tokenized
from elmokit.errors import ConfigError, ElmokitError
from elmokit.formats.projector_run import write_projector_run

RUN = "projector"
"""The run's directory in the log directory."""

_COLUMNS = ("word", "sentence", "position", "frequency")
# A sentence stands in the row of each of its words, so a very long one is shown around the word.
_WIDTH = 30  # tokens on either side
_LONGEST = 1000  # characters of a field


@dataclass(frozen=True)
class ProjectorLog:
    """What has been written."""

    directory: Path
    """Of the run."""
    tensors: tuple[str, ...]
    """The names of the layers."""
    num_points: int
    """N, the uses that are shown."""
    num_uses: int
    """Those that were found."""
    dim: int
    """D, the width of a vector."""


def write_projector(
    embedder: ElmoEmbedder,
    sentences: Iterable[str | Sequence[str]],
    logdir: str | Path,
    *,
    words: Collection[str] = (),
    max_points: int = 10_000,
    seed: int = 0,
    on_sentences: Callable[[int, int], None] | None = None,
) -> ProjectorLog:
    """Write uses of words for TensorBoard's projector: ``tensorboard --logdir LOGDIR``, tab Projector.

    Each layer is a tensor, and so is their average. Of each point are told its word, its sentence, its
    position there from 0, and how often the word occurs in the whole text. The files make a run of their own,
    the directory ``projector`` in ``logdir``; nothing else there is touched, and a run written before is
    replaced. Same arguments and model, same bytes.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on white space. Any token will do: see
            :func:`elmokit.formats.projector_run.metadata_field` for how it is shown.
        logdir: TensorBoard's; made if it is missing.
        words: only uses of these; all by default.
        max_points: of more uses a random sample is shown, in the order of the text. A browser copes with
            some ten thousand points; TensorBoard sends it no more than 100,000.
        seed: of the sample.
        on_sentences: told how many sentences have been embedded, of how many.

    Raises:
        ConfigError: when ``max_points`` is below 2.
        ElmokitError: when ``sentences`` is a single string, fewer than two words are left (TensorBoard hides
            a single point), or a vector is not finite.
        OutputError: when the files cannot be written, or others are in their place.
    """
    if max_points < 2:
        raise ConfigError(f"max_points: expected at least 2, got {max_points}")
    text = list(tokenized(sentences))
    found = find_uses(text, words)
    if len(found) == 1:
        raise ElmokitError(
            f"found a single word, {found[0].shown(_WIDTH)!r}: TensorBoard's projector shows two or more"
        )
    uses = sample_uses(found, max_points, seed)
    layers = vectors_of(embedder, uses, "all", on_sentences=on_sentences)  # (L, N, D)
    _check_finite(layers, uses)
    tensors = {layer_name(number): vectors for number, vectors in enumerate(layers)}
    tensors["average"] = layers.mean(axis=0)
    frequencies = Counter(word for sentence in text for word in sentence)
    directory = Path(logdir) / RUN
    rows = ((_cut(use.word), _excerpt(use), use.position, frequencies[use.word]) for use in uses)
    write_projector_run(directory, tensors, _COLUMNS, rows)
    return ProjectorLog(directory, tuple(tensors), len(uses), len(found), layers.shape[-1])


def layer_name(number: int) -> str:
    """What a layer is called in the projector."""
    return "tokens (no context)" if number == 0 else f"lstm {number}"


def _check_finite(layers: np.ndarray, uses: list[Use]) -> None:
    """The page would show nothing at all."""
    faults = np.argwhere(~np.isfinite(layers).all(axis=-1))
    if len(faults):
        number, place = faults[0]
        use = uses[place]
        raise ElmokitError(
            f"{layer_name(number)}: the vector of {_cut(use.word)!r} in sentence {use.number + 1} is not "
            f"finite (and {len(faults) - 1:,} more): check the weights of the model"
        )


def _excerpt(use: Use) -> str:
    if len(use.sentence) <= 2 * _WIDTH + 1:
        return _cut(" ".join(use.sentence))
    start, stop = max(0, use.position - _WIDTH), use.position + 1 + _WIDTH
    before = "... " if start else ""
    after = " ..." if stop < len(use.sentence) else ""
    return _cut(f"{before}{' '.join(use.sentence[start:stop])}{after}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

"""gensim: the contextual vectors of a text, averaged for each word, as ``KeyedVectors``."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from elmokit.arguments import checked, instance_of
from elmokit.data.sentences import tokenized
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import ConfigError, ElmokitError, MissingExtraError

try:
    from gensim.models import KeyedVectors
except ImportError:
    raise MissingExtraError("elmokit.integrations.gensim", "gensim") from None

_FIRST_ROWS = 1024  # of the table of sums, which doubles when it is full


@checked
def keyed_vectors(
    embedder: ElmoEmbedder,
    sentences: Iterable[str | Sequence[str]],
    *,
    layers: Layers = "average",
    min_count: int = 1,
    words: Collection[str] | None = None,
    batch_size: int = 64,
) -> KeyedVectors:
    """Return one vector per word: the average of its contextual vectors in a text.

    The text is read once, in memory for one sum of vectors per word. Words are sorted by descending
    frequency, as in models of gensim, and ``get_vecattr(word, "count")`` is the number of occurrences
    averaged.

    Args:
        embedder: the model.
        sentences: lists of tokens, or plain strings, which are split on whitespace.
        layers: see :meth:`ElmoEmbedder.embed`; ``all`` is not possible.
        min_count: words that occur less often are left out.
        words: the words to average; all by default.
        batch_size: number of sentences to run together.

    Raises:
        ConfigError: if there is no such layer, or ``layers`` is ``all``.
        ElmokitError: if no word remains, or a sentence or token is not a string.
    """
    instance_of("embedder", embedder, ElmoEmbedder)
    if isinstance(layers, str) and layers == "all":
        raise ConfigError("layers: expected top, average or a number, got 'all': a word has one vector")
    wanted = None if words is None else set(words)
    counts: Counter[str] = Counter()
    row_of: dict[str, int] = {}
    sums = np.zeros((_FIRST_ROWS, embedder.dim))
    given: deque[list[str]] = deque()  # sentences whose vectors are still to come

    def remembered() -> Iterable[list[str]]:
        for sentence in tokenized(sentences):
            given.append(sentence)
            yield sentence

    # Vectors come in the order of the sentences.
    for vectors in embedder.iter_embed(remembered(), layers, batch_size=batch_size):
        sentence = given.popleft()
        for word, vector in zip(sentence, vectors, strict=True):
            if wanted is not None and word not in wanted:
                continue
            row = row_of.setdefault(word, len(row_of))
            if row == len(sums):
                sums = np.concatenate([sums, np.zeros_like(sums)])
            sums[row] += vector
            counts[word] += 1
    kept = [word for word, count in counts.most_common() if count >= min_count]
    if not kept:
        raise ElmokitError(
            f"no word to average: {len(counts)} words of the text are wanted, none of them occurs "
            f"{min_count} times or more"
        )
    numbers = np.array([counts[word] for word in kept])
    averages = sums[[row_of[word] for word in kept]] / numbers[:, None]
    found = KeyedVectors(embedder.dim, dtype=np.float32)
    found.add_vectors(kept, averages.astype(np.float32))
    for word, number in zip(kept, numbers, strict=True):
        found.set_vecattr(word, "count", int(number))
    return found

"""Words in context: is a word meant in the same sense in both sentences?

    python benchmarks/downstream/words_in_context.py --data en_wic_wordnet --embedding elmo:tiny-en --seeds 3

The data is a directory with train.tsv, dev.tsv and test.tsv, as `elmokit pairs` reads them. The threshold of
the cosine and its layer are chosen on the training data, the epoch of the classifier on the dev data. The
classifier is compared with the threshold by McNemar's exact test on the test data.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from elmokit.config.overrides import section_with
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.words.pair_data import read_pairs
from elmokit.downstream.words.pair_settings import PairSettings
from elmokit.downstream.words.pairs import PairModel
from elmokit.downstream.words.tables import Table


class Remembering:
    """An embedding that embeds each sentence once, since every seed reads the same ones."""

    def __init__(self, embedding: TokenEmbedding) -> None:
        self._embedding = embedding
        self._known: dict[tuple[str, ...], np.ndarray] = {}
        self.name, self.num_layers, self.dim = embedding.name, embedding.num_layers, embedding.dim
        self.fingerprint, self.is_contextual = embedding.fingerprint, embedding.is_contextual

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        new = list({tuple(sentence): None for sentence in sentences if tuple(sentence) not in self._known})
        self._known.update(zip(new, self._embedding.vectors(new), strict=True))
        return [self._known[tuple(sentence)] for sentence in sentences]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedding", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    train, dev, test = (read_pairs(Table(options.data / f"{name}.tsv")) for name in ("train", "dev", "test"))
    embeddings = [Remembering(own) for own in embeddings_of(options.embedding)]
    threshold = PairModel.train(train, dev, embeddings, method="cosine")
    report("cosine", None, threshold.dev_scores, threshold.evaluate(test))
    assert test.targets is not None
    baseline = (threshold.predict(test) >= 0.5) == test.targets
    for seed in range(1, options.seeds + 1):
        settings = section_with(PairSettings, [*options.settings, f"seed={seed}"])
        model = PairModel.train(train, dev, embeddings, settings=settings)
        right = (model.predict(test) >= 0.5) == test.targets
        better, worse = int((right & ~baseline).sum()), int((~right & baseline).sum())
        report("classifier", seed, model.dev_scores, model.evaluate(test), mcnemar(better, worse))


def report(
    method: str, seed: int | None, dev: dict[str, float], test: dict[str, float], p: float | None = None
) -> None:
    figures = {"dev": dev["accuracy"], "test": test["accuracy"], "low": test["low"], "high": test["high"]}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps({"method": method, "seed": seed, **rounded, "p_against_cosine": p}), flush=True)


def mcnemar(better: int, worse: int) -> float:
    """Return the two-sided p-value of the exact test."""
    number = better + worse
    tail = sum(math.comb(number, k) for k in range(min(better, worse) + 1)) / 2**number
    return min(1.0, 2 * tail)


if __name__ == "__main__":
    main()

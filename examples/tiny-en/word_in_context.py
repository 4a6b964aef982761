"""Evaluate how well a model distinguishes word senses (words in context, Pilehvar and Camacho-Collados 2019).

The task is to decide whether a word has the same sense in two sentences. The prediction is yes if the cosine
of the two vectors exceeds a threshold, which is fitted on the training and development pairs. A static
vector of the lemma is right in 50 % of the pairs. Vectors without context carry a little more information
because they differ if the word is spelled differently; for pairs spelled the same, they can only predict
the more frequent answer.

    python examples/tiny-en/word_in_context.py tiny-en
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elmokit import ElmoEmbedder

DATA = Path(__file__).parents[1] / "data" / "wic_wordnet"


class Pair(NamedTuple):
    """A word in two sentences."""

    tokens: tuple[list[str], list[str]]
    places: tuple[int, int]
    has_same_sense: bool

    @property
    def has_same_form(self) -> bool:
        """Whether the word is spelled the same in both, which gives it the same vector without context."""
        (left, right), (i, j) = self.tokens, self.places
        return left[i] == right[j]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", default="tiny-en", help="any model (default tiny-en)")
    embedder = ElmoEmbedder.load(parser.parse_args().model)
    fitting = read_pairs("train") + read_pairs("dev")
    test = read_pairs("test")
    same_form = [k for k, pair in enumerate(test) if pair.has_same_form]
    print(f"{len(test)} test pairs; in {len(same_form)} of them the word is spelled the same")
    print(f"{'layer':<14}{'accuracy':>10}{'95 % interval':>20}{'spelled the same':>20}{'95 % interval':>20}")
    answers = np.array([pair.has_same_sense for pair in test])
    fitted = cosines(embedder, fitting)
    tested = cosines(embedder, test)
    for name in fitted:
        threshold = best_threshold(fitted[name], np.array([pair.has_same_sense for pair in fitting]))
        is_right = (tested[name] > threshold) == answers
        cells = "".join(
            f"{share(part)[0]:>{width}}{share(part)[1]:>20}"
            for part, width in ((is_right, 10), (is_right[same_form], 20))
        )
        print(f"{name:<14}{cells}")


def read_pairs(part: str) -> list[Pair]:
    """Read the pairs of ``train``, ``dev`` or ``test``."""
    with (DATA / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
        return [
            Pair(
                (row["tokens1"].split(), row["tokens2"].split()),
                (int(row["index1"]), int(row["index2"])),
                row["same_sense"] == "1",
            )
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def cosines(embedder: ElmoEmbedder, pairs: list[Pair]) -> dict[str, np.ndarray]:
    """Compute the cosine of the two vectors of every pair, by layer name."""
    sides = [
        np.stack(
            [
                vectors[:, pair.places[side]]
                for pair, vectors in zip(
                    pairs, embedder.embed([pair.tokens[side] for pair in pairs]), strict=True
                )
            ],
            axis=1,
        )
        for side in (0, 1)
    ]  # (L, N, D) each
    names = ["no context", *(f"LSTM {number}" for number in range(1, embedder.num_layers)), "average"]
    left, right = (
        [vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (*side, side.mean(axis=0))]
        for side in sides
    )
    return {name: (a * b).sum(axis=-1) for name, a, b in zip(names, left, right, strict=True)}


def best_threshold(similarities: np.ndarray, is_same: np.ndarray) -> float:
    """Find the threshold with the highest accuracy when similarities above it count as "same"."""
    order = np.argsort(similarities)
    thresholds = np.concatenate([[-np.inf], similarities[order]])
    # All but the k least similar pairs are above the k-th threshold. Errors are the "same" pairs below it and
    # the other pairs above it.
    num_same_below = np.concatenate([[0], np.cumsum(is_same[order])])
    num_others_below = np.concatenate([[0], np.cumsum(~is_same[order])])
    num_wrong = num_same_below + num_others_below[-1] - num_others_below
    return float(thresholds[np.argmin(num_wrong)])


def share(is_right: np.ndarray) -> tuple[str, str]:
    """Format the accuracy and its 95 % confidence interval (Wilson 1927)."""
    z, n, p = 1.96, len(is_right), is_right.mean()
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return f"{p:.1%}", f"{middle - half:.1%} to {middle + half:.1%}"


if __name__ == "__main__":
    main()

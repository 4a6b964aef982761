"""Words in context: is a word meant in the same sense in both sentences?

    python benchmarks/downstream/words_in_context.py --data en_wic_wordnet --model tiny-en --seeds 3

The data is a directory with train.tsv, dev.tsv and test.tsv, as `elmokit pairs` reads them. Three methods are
compared on the test data, by McNemar's exact test with the first:

- cosine: `elmokit pairs --method cosine`; layer and threshold are chosen on the training data,
- classifier: `elmokit pairs --method classifier`; the epoch is chosen on the dev data,
- features: a logistic regression on few numbers, among them how the words differ that the biLM expects in
  place of the word, and in "the word and ..." (cf. Amrami and Goldberg 2018). Its penalty is chosen by
  cross-validation on training and dev data; no lemma is in two folds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from elmokit.config.overrides import section_with
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.words.pair_data import Pairs, read_pairs
from elmokit.downstream.words.pair_scores import pair_scores
from elmokit.downstream.words.pair_settings import PairSettings
from elmokit.downstream.words.pairs import PairModel
from elmokit.downstream.words.tables import Occurrence, Table
from elmokit.downstream.words.vectors import unit
from elmokit.language_model import LanguageModel

PENALTIES = (1.0, 0.1, 0.03, 0.01, 0.003)


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


class Features:
    """A few numbers (N, ·) for each pair.

    Args:
        embedding: the biLM's vectors.
        language_model: the same biLM, as a language model.
        train: the pairs whose vectors are made white.
    """

    def __init__(self, embedding: Remembering, language_model: LanguageModel, train: Pairs) -> None:
        self._embedding, self._language_model = embedding, language_model
        vectors = np.concatenate([self._vectors(side) for side in (train.first, train.second)])  # (2N, L, D)
        self._mean = vectors.mean(axis=0)
        self._whitening = []
        for own in np.moveaxis(vectors - self._mean, 1, 0):
            values, directions = np.linalg.eigh(own.T @ own / len(own))
            self._whitening.append(directions / np.sqrt(values + 1e-3 * values.mean()))

    def __call__(self, pairs: Pairs) -> np.ndarray:
        u, v = self._vectors(pairs.first), self._vectors(pairs.second)  # (N, L, D)
        half = u.shape[2] // 2
        columns = [
            *cosines(u, v).T,
            *cosines(u[..., :half], v[..., :half]).T,
            *cosines(u[..., half:], v[..., half:]).T,
            *cosines(*(self._white(own) for own in (u, v))).T,
            *cosines(*(self._around(side) for side in (pairs.first, pairs.second))).T,
            *self._divergences(pairs).T,
            *np.array(list(map(surface, pairs.first, pairs.second)), dtype=float).T,
        ]
        return np.stack(columns, axis=1)

    def _vectors(self, side: list[Occurrence]) -> np.ndarray:
        found = self._embedding.vectors([own.tokens for own in side])
        return np.stack([vectors[own.position] for vectors, own in zip(found, side, strict=True)])

    def _around(self, side: list[Occurrence]) -> np.ndarray:
        """Return the mean over the other words of each sentence."""
        found = self._embedding.vectors([own.tokens for own in side])
        total = np.stack([vectors.mean(axis=0) * len(vectors) for vectors in found])
        return total - self._vectors(side)

    def _white(self, vectors: np.ndarray) -> np.ndarray:
        layers = np.moveaxis(vectors - self._mean, 1, 0)
        return np.stack([own @ by for own, by in zip(layers, self._whitening, strict=True)], axis=1)

    def _divergences(self, pairs: Pairs) -> np.ndarray:
        """Return the Jensen-Shannon divergences of the expected words: from the left, the right and both."""
        rows = []
        for first, second in zip(pairs.first, pairs.second, strict=True):
            sides = zip(self._expected(first), self._expected(second), strict=True)
            rows.append([divergence(one, other) for one, other in sides])
        return np.array(rows)

    def _expected(self, word: Occurrence) -> list[torch.Tensor]:
        """Return log-probabilities (V,) of words in place of the word, and of others after "and"."""
        tokens, place = word.tokens, word.position
        assert place is not None
        predictions = self._language_model.predictions
        left, right = (own[place] for own in predictions(tokens))
        after = predictions([*tokens[: place + 1], "and", "others", *tokens[place + 1 :]])[0][place + 2]
        before = predictions([*tokens[:place], "others", "and", *tokens[place:]])[1][place]
        return [*joined(left, right), *joined(after, before)]


def joined(left: torch.Tensor, right: torch.Tensor) -> list[torch.Tensor]:
    return [left, right, torch.log_softmax(left + right, dim=0)]


def divergence(one: torch.Tensor, other: torch.Tensor) -> float:
    middle = torch.logaddexp(one, other) - math.log(2)
    return float(((one.exp() * (one - middle)).sum() + (other.exp() * (other - middle)).sum()) / 2)


def cosines(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (unit(u) * unit(v)).sum(axis=-1)


def surface(first: Occurrence, second: Occurrence) -> list[float]:
    """Return what needs no model: spelling, lengths, places, and whether the neighbors are the same."""
    one, other = first.tokens, second.tokens
    i, j = first.position, second.position
    assert i is not None
    assert j is not None
    before, after = ({own[k] if 0 <= k < len(own) else "" for own, k in places} for places in
                     (((one, i - 1), (other, j - 1)), ((one, i + 1), (other, j + 1))))  # fmt: skip
    return [
        first.word == second.word,
        first.word.lower() == second.word.lower(),
        abs(len(one) - len(other)),
        len(one) + len(other),
        (i == 0) == (j == 0),
        (i == len(one) - 1) == (j == len(other) - 1),
        len(before) == 1,
        len(after) == 1,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True, help="a biLM with its softmax")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the classifier")
    options = parser.parse_args()
    tables = {name: Table(options.data / f"{name}.tsv") for name in ("train", "dev", "test")}
    train, dev, test = (read_pairs(table) for table in tables.values())
    embedding = Remembering(embeddings_of(f"elmo:{options.model}")[0])
    assert train.targets is not None
    assert dev.targets is not None
    assert test.targets is not None

    for layer in range(embedding.num_layers):
        report(f"cosine, layer {layer} alone", *one_layer(embedding, layer, train, dev, test))
    threshold = PairModel.train(train, dev, [embedding], method="cosine")
    baseline = threshold.predict(test)
    report("cosine", threshold.dev_scores["accuracy"], baseline, test.targets)
    for seed in range(1, options.seeds + 1):
        settings = section_with(PairSettings, [*options.settings, f"seed={seed}"])
        model = PairModel.train(train, dev, [embedding], settings=settings)
        name = f"classifier, seed {seed}"
        report(name, model.dev_scores["accuracy"], model.predict(test), test.targets, baseline)

    features = Features(embedding, LanguageModel.load(options.model), train)
    numbers = np.concatenate([features(train), features(dev)])
    targets = np.concatenate([train.targets, dev.targets])
    lemmas = [row.values["lemma"] for name in ("train", "dev") for row in tables[name].rows]
    regressions = [
        make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000)) for penalty in PENALTIES
    ]
    accuracies = [
        cross_val_score(own, numbers, targets, groups=lemmas, cv=GroupKFold(10)).mean() for own in regressions
    ]
    best = regressions[int(np.argmax(accuracies))].fit(numbers, targets)
    predicted = best.predict_proba(features(test))[:, 1]
    report("features (dev: cross-validation)", max(accuracies), predicted, test.targets, baseline)


def one_layer(
    embedding: Remembering, layer: int, train: Pairs, dev: Pairs, test: Pairs
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the dev accuracy of the cosine of one layer, the test predictions and the test targets."""

    class OneLayer(Remembering):
        def vectors(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
            return [own[:, layer : layer + 1] for own in embedding.vectors(sentences)]

    only = OneLayer(embedding)
    only.num_layers = 1
    model = PairModel.train(train, dev, [only], method="cosine")
    assert test.targets is not None
    return model.dev_scores["accuracy"], model.predict(test), test.targets


def report(
    method: str, dev: float, predicted: np.ndarray, targets: np.ndarray, baseline: np.ndarray | None = None
) -> None:
    scores = pair_scores(predicted, targets, "label")
    figures = {"dev": dev, **{name: scores[name] for name in ("accuracy", "low", "high")}}
    if baseline is not None:
        right, other = ((own >= 0.5) == targets for own in (predicted, baseline))
        figures["p_against_cosine"] = mcnemar(int((right & ~other).sum()), int((~right & other).sum()))
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    print(json.dumps({"method": method, **rounded}), flush=True)


def mcnemar(better: int, worse: int) -> float:
    """Return the two-sided p-value of the exact test."""
    number = better + worse
    tail = sum(math.comb(number, k) for k in range(min(better, worse) + 1)) / 2**number
    return min(1.0, 2 * tail)


if __name__ == "__main__":
    main()

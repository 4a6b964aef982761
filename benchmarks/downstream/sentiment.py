"""Sentiment of sentences: ELMo, static word vectors and both, against tf-idf with logistic regression.

    python benchmarks/downstream/sentiment.py DATA [--seeds 3] [--systems tfidf,word2vec,...]

DATA is a directory with movie.train.tsv, movie.dev.tsv, movie.test.tsv and the same for amazon (columns
`label` and `tokens`). ELMo is the bundled tiny-en; word2vec and fastText are trained on the same text,
examples/data, for as many passes. Every system is tuned on dev over as many trials, with the first seed;
test texts decide nothing. Accuracies are averages over seeds with 95% intervals from a bootstrap over
the test texts. Pairs are compared by a paired permutation test over the test texts (10,000 permutations
of the share of seeds that are right), corrected by Holm's method.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from elmokit import TextClassifier
from elmokit.config.overrides import section_with
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.labelled.read import read_labelled

TEXT = ["examples/data/sotu/train-*", "examples/data/bible/train-*", "examples/data/austen/train-*"]
TASKS = {"movie": ("movie", "movie"), "amazon": ("amazon", "amazon"), "movie -> amazon": ("movie", "amazon")}
VECTOR_EPOCHS = 2
NUM_RESAMPLES = 10_000

Texts = tuple[list[str], list[str]]
Predict = Callable[[list[str]], list[str]]


def read(data: Path, domain: str, part: str) -> Texts:
    found = read_labelled(str(data / f"{domain}.{part}.tsv"))
    return list(found.texts), [label for (label,) in found.labels]


def accuracy(predict: Predict, texts: Texts) -> float:
    return float(np.mean([a == b for a, b in zip(predict(texts[0]), texts[1], strict=True)]))


def tfidf(train: Texts, dev: Texts, num_trials: int) -> Iterator[Predict]:
    """Yield the one model that there is: it does not depend on a seed."""
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+", lowercase=True
    ).fit(train[0])
    models = [
        LogisticRegression(C=c, max_iter=2000).fit(vectorizer.transform(train[0]), train[1])
        for c in np.logspace(-1, 1.5, num_trials)
    ]
    best = max(models, key=lambda model: accuracy(lambda own: model.predict(vectorizer.transform(own)), dev))
    yield lambda own: best.predict(vectorizer.transform(own)).tolist()


def neural(
    choice: str, overrides: list[str], seeds: int, num_trials: int, train: Texts, dev: Texts
) -> Iterator[Predict]:
    vectors = section_with(VectorSettings, [f"epochs={VECTOR_EPOCHS}"])
    started = time.perf_counter()
    embeddings = embeddings_of(choice, text=TEXT, vectors=vectors)
    print(f"  {choice}: {time.perf_counter() - started:.0f} s for the vectors", flush=True)

    def fitted(seed: int, rate: str) -> TextClassifier:
        settings = section_with(
            ClassifierSettings, [f"fit.seed={seed}", f"learning_rate={rate}", "patience=4", *overrides]
        )
        started = time.perf_counter()
        classifier = TextClassifier(embeddings, settings=settings).fit(*train, dev)
        print(
            f"  {choice} seed {seed} learning_rate={rate}: dev {classifier.training['dev_accuracy']:.4f}, "
            f"{classifier.training['num_epochs']} epochs, {time.perf_counter() - started:.0f} s, "
            f"weights {classifier.mixing_weights()}",
            flush=True,
        )
        return classifier

    trials = {rate: fitted(1, rate) for rate in ("0.001", "0.003", "0.0003")[:num_trials]}
    best = max(trials, key=lambda rate: trials[rate].training["dev_accuracy"])
    for seed in range(1, seeds + 1):
        yield (trials[best] if seed == 1 else fitted(seed, best)).predict


def interval(right: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95% interval of the accuracy, for the share (N,) of seeds that are right about each text."""
    samples = right[rng.integers(0, len(right), (2000, len(right)))].mean(axis=1)
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def p_value(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    """Return how probable a difference as large is when it does not matter which system is which."""
    differences = first - second
    observed = abs(differences.sum())
    signs = rng.choice([-1.0, 1.0], (NUM_RESAMPLES, len(differences)))
    return float((1 + (np.abs(signs @ differences) >= observed - 1e-9).sum()) / (1 + NUM_RESAMPLES))


def holm(values: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    corrected: dict[tuple[str, str], float] = {}
    largest = 0.0
    for rank, pair in enumerate(sorted(values, key=lambda pair: values[pair])):
        largest = max(largest, min(1.0, values[pair] * (len(values) - rank)))
        corrected[pair] = largest
    return corrected


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--domains", default="movie,amazon")
    parser.add_argument(
        "--systems",
        default="tfidf,random,word2vec,fasttext,elmo:tiny-en,elmo:tiny-en+word2vec",
        help="tfidf, or embeddings as for elmokit classify train",
    )
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    right: dict[str, dict[str, np.ndarray]] = {task: {} for task in TASKS}
    for domain in arguments.domains.split(","):
        train, dev = (read(arguments.data, domain, part) for part in ("train", "dev"))
        for system in arguments.systems.split(","):
            if system == "tfidf":
                models = tfidf(train, dev, max(arguments.trials, 2))
            else:
                models = neural(system, arguments.overrides, arguments.seeds, arguments.trials, train, dev)
            found: dict[str, list[list[bool]]] = {}
            for predict in models:
                for task, (source, target) in TASKS.items():
                    if source == domain:
                        texts, labels = read(arguments.data, target, "test")
                        own = [a == b for a, b in zip(predict(texts), labels, strict=True)]
                        found.setdefault(task, []).append(own)
            for task, runs in found.items():
                right[task][system] = np.mean(runs, axis=0)
                print(f"{task}: {system} {right[task][system].mean():.4f}", flush=True)
    results = {}
    rng = np.random.default_rng(0)
    for task, systems in right.items():
        if not systems:
            continue
        print(f"\n{task}\n| system | accuracy | 95% interval |\n| --- | --- | --- |")
        for system, own in systems.items():
            low, high = interval(own, rng)
            print(f"| {system} | {own.mean():.3f} | {low:.3f}-{high:.3f} |")
        pairs = holm(
            {pair: p_value(*(systems[k] for k in pair), rng) for pair in itertools.combinations(systems, 2)}
        )
        for (first, second), value in sorted(pairs.items(), key=lambda item: item[1]):
            difference = systems[first].mean() - systems[second].mean()
            verdict = "" if value < 0.05 else ", not significant"
            print(f"{first} - {second}: {difference:+.3f}, p = {value:.4f}{verdict}")
        results[task] = {
            "accuracy": {system: float(own.mean()) for system, own in systems.items()},
            "p": {" - ".join(pair): value for pair, value in pairs.items()},
        }
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

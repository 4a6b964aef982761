"""Part-of-speech tagging with different embeddings: in the domain of the training data and in another one.

    python benchmarks/downstream/pos_tagging.py --data pt_ud --embedding elmo:pt --embedding word2vec \
        --embedding-text train.txt --seeds 2

The data is a directory with DOMAIN.train.conll, DOMAIN.dev.conll and DOMAIN.test.conll, a token and a tag a
line. Every embedding gets the same tagger and the same settings. The baseline gives each word its most
frequent tag in the training data, and other words the most frequent tag of all. Embeddings are compared with
the first one by a sign-flip permutation test over the sentences, on errors averaged over the seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.config.overrides import section_with
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.tagging.files import read_tagged
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.tagger import SequenceTagger

Data = tuple[list[list[str]], list[list[str]]]
"""Tokens and tags of each sentence."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedding", action="append", required=True, help="may be repeated")
    parser.add_argument("--embedding-text", action="append", default=[])
    parser.add_argument("--train-domain", default="news")
    parser.add_argument("--test-domain", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--train-sentences", type=int, help="use only the first of the training data")
    parser.add_argument(
        "--vectors",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="settings of word2vec and fastText",
    )
    parser.add_argument("--keep", type=Path, help="directory for results, which are not computed again")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    domains = options.test_domain or ["news", "tweets"]
    train = read(options.data / f"{options.train_domain}.train.conll")
    train = tuple(part[: options.train_sentences] for part in train)
    dev = read(options.data / f"{options.train_domain}.dev.conll")
    tests = {domain: read(options.data / f"{domain}.test.conll") for domain in domains}
    print(json.dumps({"num_training_sentences": len(train[0]), "settings": options.settings}))
    errors = {("most frequent tag", domain): [baseline_errors(train, test)] for domain, test in tests.items()}
    for choice in options.embedding:
        for seed in range(1, options.seeds + 1):
            kept = None if options.keep is None else options.keep / f"{choice.replace('/', '_')}-{seed}.json"
            if kept is not None and kept.exists():
                row = json.loads(kept.read_text())
            else:
                row = run(choice, seed, options, train, dev, tests)
                if kept is not None:
                    kept.parent.mkdir(exist_ok=True)
                    kept.write_text(json.dumps(row))
            for domain, wrong in row.pop("errors").items():
                errors.setdefault((choice, domain), []).append(np.array(wrong))
            print(json.dumps(row), flush=True)
    report(errors, {domain: sum(map(len, tags)) for domain, (_, tags) in tests.items()}, options.embedding[0])


def run(
    choice: str, seed: int, options: argparse.Namespace, train: Data, dev: Data, tests: dict[str, Data]
) -> dict[str, Any]:
    """Train one tagger; return its figures and the number of errors in each test sentence."""
    embeddings = embeddings_of(
        choice, text=options.embedding_text, vectors=section_with(VectorSettings, options.vectors)
    )
    start = time.perf_counter()
    settings = section_with(TaggerSettings, [*options.settings, f"seed={seed}"])
    tagger = SequenceTagger.train(*train, *dev, embedding=embeddings, settings=settings)
    row = {"embedding": choice, "seed": seed, "seconds": round(time.perf_counter() - start), **tagger.history}
    errors = {}
    for domain, (sentences, tags) in tests.items():
        pairs = zip(tags, tagger.predict(sentences), strict=True)
        errors[domain] = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs]
    accuracy = {domain: 1 - sum(own) / sum(map(len, tests[domain][1])) for domain, own in errors.items()}
    return {**row, "accuracy": accuracy, "weights": tagger.mixing_weights(), "errors": errors}


def read(path: Path) -> Data:
    data = read_tagged(path)
    return [own.tokens for own in data], [own.tags or [] for own in data]


def baseline_errors(train: Data, test: Data) -> np.ndarray:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for tokens, tags in zip(*train, strict=True):
        total.update(tags)
        for token, tag in zip(tokens, tags, strict=True):
            counts[token][tag] += 1
    (default, _), *_ = total.most_common(1)
    best = {token: own.most_common(1)[0][0] for token, own in counts.items()}
    return np.array(
        [
            sum(best.get(token, default) != tag for token, tag in zip(*pair, strict=True))
            for pair in zip(*test, strict=True)
        ]
    )


def report(errors: dict[tuple[str, str], list[np.ndarray]], sizes: dict[str, int], first: str) -> None:
    print("| embedding | test | accuracy | range over seeds | errors | p against the first |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (choice, domain), own in errors.items():
        shares = [1 - wrong.sum() / sizes[domain] for wrong in own]
        average = np.mean(own, axis=0)
        reference = np.mean(errors[first, domain], axis=0)
        ratio = f"{average.sum() / reference.sum() - 1:+.0%}"
        p = "" if choice == first else f"{permutation_p(average - reference):.4f}"
        spread = f"{min(shares):.4f}-{max(shares):.4f}"
        print(f"| {choice} | {domain} | {np.mean(shares):.4f} | {spread} | {ratio} | {p} |")


def permutation_p(differences: np.ndarray, num_samples: int = 10_000) -> float:
    """Return the two-sided p-value of a sign-flip test of paired differences."""
    rng = np.random.default_rng(0)
    observed, extreme = abs(differences.sum()), 0
    for _ in range(num_samples // 100):
        signs = rng.choice([-1.0, 1.0], size=(100, len(differences)))
        extreme += int((np.abs(signs @ differences) >= observed - 1e-9).sum())
    return (extreme + 1) / (num_samples + 1)


if __name__ == "__main__":
    main()

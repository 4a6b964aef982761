"""Search among a million tokens, beside reading their vectors; and how fast the index is built.

    python benchmarks/neighbors_speed.py [--widths 256 1024] [--tokens 1000000] [--model tiny-en]
        [--clustered-tokens 10000000]

Exact search is measured with random vectors, as its time depends on nothing but their number and width.
The floor is the time to copy as many bytes in memory. Build, opening and clusters are measured with a model
on the State of the Union addresses, and the recall of clusters is that of the 10 nearest uses of 200 words
of the text, by exact search. --clustered-tokens adds clusters among so many vectors, which are those of that
text with noise, as there is no text so large. All on one thread.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from machine import seconds_per_call

from elmokit import ElmoEmbedder, NeighborIndex
from elmokit.data.corpus import Corpus
from elmokit.data.find import find_texts
from elmokit.data.read import read_sentences
from elmokit.neighbors.clusters import find_clusters
from elmokit.neighbors.cosine import UNIT_TYPE, descending, similarities, unit_vectors

TEXTS = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "*.txt.gz"
NUM_QUERIES = 200
K = 10
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", nargs="+", type=int, default=[256, 1024])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--model", default="tiny-en")
    parser.add_argument("--built-tokens", type=int, default=300_000)
    parser.add_argument("--clustered-tokens", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        print(
            f"{'tokens':>10} {'width':>6} {'MB':>6} {'median':>8} {'worst':>8} {'floor':>8} {'of floor':>9}"
        )
        for width in arguments.widths:
            measure_search(Path(directory) / str(width), arguments.tokens, width)
        measure_index(Path(directory) / "index", arguments.model, arguments.built_tokens)
        if arguments.clustered_tokens is not None:
            embedder = ElmoEmbedder.load(arguments.model)
            known = map_units(Path(directory) / "index" / "exact" / "vectors.f16", embedder.dim)
            measure_many(Path(directory) / "many", known, arguments.clustered_tokens)


def measure_search(path: Path, num_tokens: int, width: int) -> None:
    """Exact search in a file that is in memory."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, num_tokens, 50_000):
            shape = (min(50_000, num_tokens - start), width)
            file.write(unit_vectors(generator.standard_normal(shape, np.float32)).astype(UNIT_TYPE).data)
    units = np.memmap(path, UNIT_TYPE, mode="c", shape=(num_tokens, width))
    queries = unit_vectors(generator.standard_normal((30, width), np.float32))
    durations = []
    for query in (queries[0], *queries):
        started = time.perf_counter()
        list(itertools.islice(descending(similarities(units, query)), K))
        durations.append(time.perf_counter() - started)
    durations = sorted(durations[1:])
    copy = np.empty_like(units[: num_tokens // 4])
    floor = 4 * seconds_per_call(lambda: np.copyto(copy, units[: len(copy)]), min_seconds=1.0)
    median = durations[len(durations) // 2]
    print(
        f"{num_tokens:>10,} {width:>6} {units.nbytes / 1e6:>6,.0f} {median * 1e3:>5.0f} ms "
        f"{durations[-1] * 1e3:>5.0f} ms {floor * 1e3:>5.0f} ms {floor / median:>9.0%}"
    )


def measure_index(directory: Path, model: str, num_tokens: int) -> None:
    """Build, opening, and search by clusters beside the exact one, for words of text that is not indexed."""
    embedder = ElmoEmbedder.load(model)
    text = itertools.chain.from_iterable(map(read_sentences, find_texts([str(TEXTS)])))
    queries = [sentence for sentence in itertools.islice(text, 2 * NUM_QUERIES) if sentence][:NUM_QUERIES]
    sentences, num_read = [], 0
    for sentence in text:
        sentences.append(sentence)
        num_read += len(sentence)
        if num_read >= num_tokens:
            break
    corpus = Corpus.from_sentences(sentences)
    exact, seconds = timed(lambda: NeighborIndex.build(embedder, corpus, directory / "exact"))
    size = sum(path.stat().st_size for path in (directory / "exact").rglob("*"))
    _, opening = timed(lambda: NeighborIndex.open(directory / "exact", embedder))
    print(
        f"\n{model}, width {embedder.dim}: {num_read:,} tokens indexed, {num_read / seconds:,.0f} a second; "
        f"{size / num_read:.0f} bytes a token; opened in {opening:.2f} s"
    )
    units = map_units(directory / "exact" / "vectors.f16", embedder.dim)
    clusters, seconds = timed(lambda: find_clusters(units))
    print(f"{len(clusters.centers):,} clusters found in {seconds:.1f} s")
    clustered = NeighborIndex.open(directory / "exact", embedder)
    clustered._content = clustered._content._replace(clusters=clusters)
    generator = np.random.default_rng(0)
    vectors = [
        vectors[generator.integers(len(vectors))] for vectors in embedder.iter_embed(queries, exact.layer)
    ]
    num_found = 0
    durations: dict[str, list[float]] = {"exact": [], "clusters": []}
    for vector in vectors:
        expected, duration = timed(lambda: exact.search(vector, K))  # noqa: B023
        durations["exact"].append(duration)
        found, duration = timed(lambda: clustered.search(vector, K))  # noqa: B023
        durations["clusters"].append(duration)
        num_found += len(
            {neighbor.occurrence for neighbor in found} & {neighbor.occurrence for neighbor in expected}
        )
    tell(durations, num_found / (K * len(vectors)))


def measure_many(path: Path, known: np.ndarray, num_tokens: int) -> None:
    """Clusters of vectors that are known ones with noise of less than half their length."""
    generator = np.random.default_rng(0)
    width = known.shape[1]

    def draw(number: int) -> np.ndarray:
        noise = generator.standard_normal((number, width), np.float32) * np.float32(0.4 / np.sqrt(width))
        return unit_vectors(known[generator.integers(len(known), size=number)] + noise)

    with path.open("wb") as file:
        for start in range(0, num_tokens, 50_000):
            file.write(draw(min(50_000, num_tokens - start)).astype(UNIT_TYPE).data)
    units = map_units(path, width)
    clusters, seconds = timed(lambda: find_clusters(units))
    print(f"\n{num_tokens:,} vectors: {len(clusters.centers):,} clusters found in {seconds:.0f} s")
    num_found = 0
    durations: dict[str, list[float]] = {"exact": [], "clusters": []}
    queries = draw(30)
    for query in queries:
        expected, duration = timed(lambda: best_rows(units, query))  # noqa: B023
        durations["exact"].append(duration)
        found, duration = timed(lambda: best_rows(units, query, clusters.rows_near(query)))  # noqa: B023
        durations["clusters"].append(duration)
        num_found += len(expected & found)
    tell(durations, num_found / (K * len(queries)))


def best_rows(units: np.ndarray, query: np.ndarray, rows: np.ndarray | None = None) -> set[int]:
    best = itertools.islice(descending(similarities(units, query, rows)), K)
    return {place if rows is None else int(rows[place]) for place in best}


def map_units(path: Path, width: int) -> np.ndarray:
    return np.memmap(path, UNIT_TYPE, mode="c").reshape(-1, width)


def tell(durations: dict[str, list[float]], recall: float) -> None:
    for name, values in durations.items():
        print(f"{name:<9} median {np.median(values) * 1e3:.1f} ms, worst {max(values) * 1e3:.1f} ms")
    print(f"recall@{K} of clusters {recall:.4f}", flush=True)


def timed(function: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


if __name__ == "__main__":
    main()

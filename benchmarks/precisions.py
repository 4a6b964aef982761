"""What each precision costs and saves in embedding: processor time, and the deviation from float32.

    python benchmarks/precisions.py [--models tiny small tiny-en] [--sentences 256]

One thread computes. Processor time does not count what other processes take, so that it can be compared on a
busy machine. Set ATEN_CPU_CAPABILITY=avx2 to measure the kernels for AVX2 on a processor with AVX-512. Names
of configurations stand for random weights, others for models.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from embed_speed import TEXT, random_model

from elmokit import Config, ElmoEmbedder, PretrainedModel, load
from elmokit.data.read import read_sentences
from elmokit.kernels.library import instruction_set, is_available
from elmokit.kernels.precisions import PRECISIONS

CONFIGURATIONS = ("tiny", "small", "original")
BATCH_SIZE = 32
REPETITIONS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=["tiny", "small", "tiny-en"])
    parser.add_argument("--sentences", type=int, default=256)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sentences = list(itertools.islice(read_sentences(str(TEXT)), arguments.sentences))
    print(
        f"{instruction_set()}, one thread, {len(sentences)} sentences, {sum(map(len, sentences)):,} tokens; "
        "processor time per token in microseconds, empty cache / words seen before; the cosine to float32 in "
        "each layer, mean / least"
    )
    for name in arguments.models:
        measure(name, sentences)


def measure(name: str, sentences: list[list[str]]) -> None:
    """Print a row for each precision that the processor has."""
    if name in CONFIGURATIONS:
        config = Config.load(name)
        pretrained = PretrainedModel(random_model(config), config, None, Path("random weights"))
    else:
        pretrained = load(name)
    num_tokens = sum(map(len, sentences))
    exact = np.empty(0)
    for precision in filter(is_available, PRECISIONS):
        embedder = ElmoEmbedder(pretrained, precision=precision)

        def cold(precision: str = precision) -> list[np.ndarray]:
            return ElmoEmbedder(pretrained, precision=precision).embed(sentences, batch_size=BATCH_SIZE)

        def warm(own: ElmoEmbedder = embedder) -> list[np.ndarray]:
            return own.embed(sentences, batch_size=BATCH_SIZE)

        found = np.concatenate(warm(), axis=1).astype(np.float64)
        if precision == "float32":
            exact = found
        norms = np.linalg.norm(exact, axis=-1) * np.linalg.norm(found, axis=-1)
        cosines = (exact * found).sum(axis=-1) / norms  # (L, N)

        times = " / ".join(f"{1e6 * processor_seconds(run) / num_tokens:7.1f}" for run in (cold, warm))
        shown = "  ".join(f"{layer.mean():.5f} / {layer.min():.5f}" for layer in cosines)
        print(f"{name:<9} {precision:<9} {times}  {shown}", flush=True)


def processor_seconds(function: Callable[[], object]) -> float:
    """Return the least processor time of several calls."""
    durations = []
    for _ in range(REPETITIONS):
        started = time.process_time()
        function()
        durations.append(time.process_time() - started)
    return min(durations)


if __name__ == "__main__":
    main()

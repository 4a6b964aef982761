"""How long training takes until a model has a heldout perplexity of 115.

    python benchmarks/speedrun.py [key=value ...] [--config tiny] [--seeds 0 1 2]

The text is that of ``examples/data/sotu``, and the vocabulary all words that occur three times in it or more.
A run counts if the perplexity at its end, over all tokens and under the full softmax, is at most the target.
The time is that of all steps, without reading the text, the evaluation and the checkpoint at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from machine import peak_flops

from elmokit import Config, Trainer, Vocabulary, prepare_corpus
from elmokit.data.word_counts import count_words

DATA = Path(__file__).parent.parent / "examples" / "data" / "sotu"
MIN_COUNT = 3
TARGET = 115.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_intermixed_args()
    fixed = ["evaluations_per_epoch=1", "histogram_interval=0"]
    train = sorted(map(str, DATA.glob("train-*.txt.gz")))
    vocabulary = Vocabulary.from_counts(count_words(train).counts, min_count=MIN_COUNT)
    print(
        f"{torch.get_num_threads()} threads, {peak_flops() / 1e9:.0f} GFLOP/s in a 2048 x 2048 x 2048 "
        f"product, {len(vocabulary):,} words: {arguments.config} {' '.join(arguments.overrides)}"
    )
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as directory:
            corpus = prepare_corpus(train, cache_dir=Path(directory, "cache"))
            heldout = prepare_corpus([str(DATA / "heldout-00000.txt.gz")], cache_dir=Path(directory, "cache"))
            config = Config.load(arguments.config, [f"seed={seed}", *fixed, *arguments.overrides])
            trainer = Trainer(config, corpus, vocabulary, save_dir=Path(directory, "run"), heldout=heldout)
            for progress in trainer.run():
                if progress.step % 100 == 0:
                    print(f"\r{progress!r}", end="", file=sys.stderr)
        met = "" if trainer.best_perplexity <= TARGET else f", above {TARGET:g}"
        print(
            f"\nseed {seed}: {trainer.step:,} steps, {trainer.step * trainer.predictions_per_step:,} tokens, "
            f"{trainer.seconds:.0f} s, perplexity {trainer.best_perplexity:.1f}{met}",
            flush=True,
        )


if __name__ == "__main__":
    main()

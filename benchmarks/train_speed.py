"""Training speed beside the same model written straight down, and beside the machine's floor.

    python benchmarks/train_speed.py [--configs tiny small] [key=value ...]

The floor is the time that the matrix products of a step would take at the rate of a large float32
product: LSTM, highway layers and projection, softmax, each forward and twice more backward.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from machine import encoder_flops_per_type, lstm_flops_per_token, peak_flops, seconds_per_call
from plain_bilm import loss as plain_loss

from elmokit import Config, Trainer, Vocabulary, prepare_corpus
from elmokit.data.word_counts import count_words

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "train-00000.txt.gz"
MIN_COUNT = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_args()
    vocabulary = Vocabulary.from_counts(count_words([str(TEXT)]).counts, min_count=MIN_COUNT)
    flops = peak_flops()
    print(f"{torch.get_num_threads()} threads, {flops / 1e9:.0f} GFLOP/s in a 2048 x 2048 x 2048 product")
    print(f"{len(vocabulary):,} words, full softmax")
    print(f"{'config':<8} {'tokens/s':>9} {'floor':>9} {'of floor':>9} {'plain':>9} {'speed-up':>9}")
    for name in arguments.configs:
        # Without dropout, so that both compute the same.
        config = Config.load(name, ["num_negatives=0", "dropout=0", *arguments.overrides])
        measure(name, config, vocabulary, flops)


def measure(name: str, config: Config, vocabulary: Vocabulary, flops: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        corpus = prepare_corpus([str(TEXT)], cache_dir=Path(directory, "cache"))
        trainer = Trainer(config, corpus, vocabulary, save_dir=Path(directory))
        batch = next(iter(trainer.stream))
        assert batch.char_ids is not None
        shape = batch.is_counted.shape
        char_ids = [batch.char_ids[inputs.view(shape)] for inputs in batch.inputs]
        targets = [direction.view(shape) for direction in batch.targets]

        def plain_step() -> float:
            trainer.optimizer.zero_grad()
            loss = plain_loss(trainer.model, char_ids, targets)
            (loss * config.training.unroll_steps).backward()
            trainer.optimizer.step()
            return float(loss.detach())

        with torch.no_grad():
            expected = float(plain_loss(trainer.model, char_ids, targets))
        totals = [part.total_loss for part in trainer.train_step(batch).directions]
        got = float(torch.stack(totals).mean().detach())
        assert abs(got / trainer.predictions_per_step - expected) < 1e-4 * expected, (got, expected)

        batches = iter(trainer.stream)
        step = seconds_per_call(lambda: trainer.train_step(next(batches)))
        plain = seconds_per_call(plain_step)
        num_tokens = trainer.predictions_per_step
        softmax_flops = 2.0 * config.model.num_directions * config.model.lstm.projection_dim * len(vocabulary)
        work = 3 * (
            num_tokens * (lstm_flops_per_token(config.model) + softmax_flops)
            + len(batch.types) * encoder_flops_per_type(config.model)
        )
        print(
            f"{name:<8} {num_tokens / step:>9,.0f} {num_tokens * flops / work:>9,.0f} "
            f"{work / flops / step:>9.0%} {num_tokens / plain:>9,.0f} {plain / step:>8.1f}x"
        )


if __name__ == "__main__":
    main()

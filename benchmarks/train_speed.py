"""Training speed beside the same model written straight down, and beside the machine's floor.

    python benchmarks/train_speed.py [--configs tiny small] [key=value ...]

The floor is the time that the matrix products of a step would take at the rate of a large float32
product: LSTM, highway layers and projection, softmax, each forward and twice more backward.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from machine import encoder_flops_per_type, lstm_flops_per_token, peak_flops, seconds_per_call
from plain_bilm import loss as plain_loss

from elmokit import Config, Corpus, Trainer, Vocabulary, prepare_corpus
from elmokit.data.word_counts import count_words
from elmokit.kernels.library import is_available

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "train-00000.txt.gz"
MIN_COUNT = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_args()
    vocabulary = vocabulary_of_text()
    flops = peak_flops()
    print(f"{torch.get_num_threads()} threads, {flops / 1e9:.0f} GFLOP/s in a 2048 x 2048 x 2048 product")
    print_header(vocabulary)
    for name in arguments.configs:
        measure(name, vocabulary, flops, arguments.overrides)


def vocabulary_of_text() -> Vocabulary:
    return Vocabulary.from_counts(count_words([str(TEXT)]).counts, min_count=MIN_COUNT)


def print_header(vocabulary: Vocabulary) -> None:
    print(
        f"\ntraining, {len(vocabulary):,} words, full softmax: tokens/s\n"
        f"{'config':<9} {'precision':<9} {'elmokit':>8} {'floor':>8} {'of floor':>8} {'plain':>8} "
        f"{'speed-up':>8}"
    )


def measure(
    name: str, vocabulary: Vocabulary, flops: float, overrides: Sequence[str] = ()
) -> dict[str, float]:
    """Print a row for each precision, and return its figures."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        corpus = prepare_corpus([str(TEXT)], cache_dir=Path(directory, "cache"))
        # Without dropout, so that both compute the same.
        exact = Config.load(name, ["num_negatives=0", "dropout=0", *overrides])
        plain = _plain_seconds(exact, corpus, vocabulary, Path(directory))
        for precision in ("float32", "bf16"):
            if precision == "bf16" and not is_available("bf16"):
                continue
            config = Config.load(name, ["num_negatives=0", "dropout=0", f"precision={precision}", *overrides])
            trainer = Trainer(config, corpus, vocabulary, save_dir=Path(directory))
            batches = iter(trainer.stream)
            num_types = len(next(batches).types)
            step = seconds_per_call(lambda own=trainer, stream=batches: own.train_step(next(stream)))  # type: ignore[misc]
            num_tokens = trainer.predictions_per_step
            softmax = 2.0 * config.model.num_directions * config.model.lstm.projection_dim * len(vocabulary)
            work = 3 * (
                num_tokens * (lstm_flops_per_token(config.model) + softmax)
                + num_types * encoder_flops_per_type(config.model)
            )
            print(
                f"{name:<9} {precision:<9} {num_tokens / step:>8,.0f} {num_tokens * flops / work:>8,.0f} "
                f"{work / flops / step:>8.0%} {num_tokens / plain:>8,.0f} {plain / step:>7.1f}x",
                flush=True,
            )
            figures |= {
                f"train {name} {precision} tokens/s": num_tokens / step,
                f"train {name} {precision}/plain x": plain / step,
                f"train {name} {precision} of floor x": work / flops / step,
            }
        figures[f"train {name} plain tokens/s"] = num_tokens / plain
    return figures


def _plain_seconds(config: Config, corpus: Corpus, vocabulary: Vocabulary, directory: Path) -> float:
    """Return the time of a step of the plain implementation, which has the same loss."""
    trainer = Trainer(config, corpus, vocabulary, save_dir=directory)
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
    got = float(torch.stack([total for total in totals if total is not None]).mean().detach())
    assert abs(got / trainer.predictions_per_step - expected) < 1e-4 * expected, (got, expected)
    return seconds_per_call(plain_step)


if __name__ == "__main__":
    main()

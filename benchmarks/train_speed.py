"""Training speed beside the same model written straight down, and beside the machine's floor.

    python benchmarks/train_speed.py [--configs tiny small original] [key=value ...]

Batches, vocabularies and numbers of sampled words suit the size of the model. The text has fewer words than
the larger vocabulary, which is filled up with words that do not occur.

The floor is the time that the matrix products of a step would take at the rate of a large product of the
same precision: LSTM, highway layers and projection, softmax, each forward and twice more backward.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from machine import encoder_flops_per_type, lstm_flops_per_token, peaks, seconds_per_call
from plain_bilm import loss as plain_loss

from elmokit import Config, Corpus, Trainer, Vocabulary, prepare_corpus
from elmokit.data.batches import TextBatch
from elmokit.data.word_counts import count_words
from elmokit.kernels.library import is_available
from elmokit.model.softmax import draw_candidates

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "train-00000.txt.gz"


class Task(NamedTuple):
    """What is trained with a configuration, besides its geometry."""

    num_words: int
    batch_size: int
    num_negatives: int

    @property
    def settings(self) -> list[str]:
        """The settings that say so; without dropout, so that the plain implementation computes the same."""
        return [f"batch_size={self.batch_size}", f"num_negatives={self.num_negatives}", "dropout=0"]


TASKS = {
    "tiny": Task(5_000, 32, 512),
    "small": Task(50_000, 128, 8_192),
    "original": Task(50_000, 128, 8_192),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_args()
    flops = peaks()
    print_header()
    for name in arguments.configs:
        measure(name, flops, arguments.overrides)


def vocabulary_of(name: str) -> Vocabulary:
    """Return the most frequent words of the text, and as many others as are missing."""
    num_words = TASKS[name].num_words - 3
    words = [word for word, _ in count_words([str(TEXT)]).counts.most_common(num_words)]
    filling = [f"word{number}" for number in range(num_words - len(words))]
    return Vocabulary(["<S>", "</S>", "<UNK>", *words, *filling])


def print_header() -> None:
    print(
        f"\ntraining, sampled softmax: tokens/s\n"
        f"{'config':<9} {'words':>7} {'rows':>5} {'precision':<9} "
        f"{'elmokit':>8} {'of floor':>8} {'plain':>8} {'speed-up':>8}"
    )


def measure(name: str, flops: Mapping[str, float], overrides: Sequence[str] = ()) -> dict[str, float]:
    """Print a row for each precision, and return its figures."""
    figures: dict[str, float] = {}
    task, vocabulary = TASKS[name], vocabulary_of(name)
    settings = [*task.settings, *overrides]
    with tempfile.TemporaryDirectory() as directory:
        corpus = prepare_corpus([str(TEXT)], cache_dir=Path(directory, "cache"))
        plain = _plain_seconds(Config.load(name, settings), corpus, vocabulary, Path(directory))
        for precision in ("float32", "bf16"):
            if precision == "bf16" and not is_available("bf16"):
                continue
            config = Config.load(name, [*settings, f"precision={precision}"])
            trainer = Trainer(config, corpus, vocabulary, save_dir=Path(directory))
            batches = iter(trainer.stream)
            num_types = len(next(batches).types)
            step = _step_seconds(trainer, batches)
            num_tokens = trainer.predictions_per_step
            outputs = task.num_negatives * config.model.lstm.projection_dim
            softmax = 2.0 * config.model.num_directions * outputs
            work = 3 * (
                num_tokens * (lstm_flops_per_token(config.model) + softmax)
                + num_types * encoder_flops_per_type(config.model)
            )
            share = work / flops[precision] / step
            print(
                f"{name:<9} {task.num_words:>7,} {task.batch_size:>5} {precision:<9} "
                f"{num_tokens / step:>8,.0f} "
                f"{share:>8.0%} {num_tokens / plain:>8,.0f} "
                f"{plain / step:>7.1f}x",
                flush=True,
            )
            figures |= {
                f"train {name} {precision} tokens/s": num_tokens / step,
                f"train {name} {precision}/plain x": plain / step,
                f"train {name} {precision} of own floor x": share,
            }
        figures[f"train {name} plain tokens/s"] = num_tokens / plain
    return figures


def _step_seconds(trainer: Trainer, batches: Iterator[TextBatch]) -> float:
    return seconds_per_call(lambda: trainer.train_step(next(batches)))


def _plain_seconds(config: Config, corpus: Corpus, vocabulary: Vocabulary, directory: Path) -> float:
    """Return the time of a step of the plain implementation, which has the same loss."""
    trainer = Trainer(config, corpus, vocabulary, save_dir=directory)
    batch = next(iter(trainer.stream))
    assert batch.char_ids is not None
    shape = batch.is_counted.shape
    char_ids = [batch.char_ids[inputs.view(shape)] for inputs in batch.inputs]
    targets = [direction.view(shape) for direction in batch.targets]
    random = np.random.default_rng(1)
    candidates = [
        draw_candidates(random, config.training.num_negatives, len(vocabulary)) for _ in batch.inputs
    ]

    def plain_step() -> float:
        trainer.optimizer.zero_grad()
        loss = plain_loss(trainer.model, char_ids, targets, candidates)
        (loss * config.training.unroll_steps).backward()
        trainer.optimizer.step()
        return float(loss.detach())

    with torch.no_grad():
        expected = float(plain_loss(trainer.model, char_ids, targets, candidates))
        output = trainer.model(batch, trainer.model.zero_state(shape[1]), candidates)
    totals = [part.total_loss for part in output.directions if part.total_loss is not None]
    got = float(torch.stack(totals).mean()) / trainer.predictions_per_step
    assert abs(got - expected) < 1e-4 * expected, (got, expected)
    return seconds_per_call(plain_step)


if __name__ == "__main__":
    main()

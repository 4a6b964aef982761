"""What a busy machine leaves of the speed: two trainings at once, and one beside two other processes.

    python benchmarks/busy.py [--config tiny] [--seconds 20]

Prints tokens per second of a training alone, of each of two at the same time, and of one beside two processes
that compute all the time, as shares of the first. On two cores a fair share is 50 %.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from elmokit import Config, Trainer, Vocabulary, prepare_corpus
from elmokit.data.word_counts import count_words

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "train-00000.txt.gz"
BUSY = "while True: sum(range(10000))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(_tokens_per_second(arguments.config, arguments.seconds))
        return
    (alone,) = _measure(arguments, 1)
    print(f"{arguments.config}: {alone:,.0f} tokens/s alone")
    for value in _measure(arguments, 2):
        print(f"one of two at once: {value:,.0f} tokens/s, {value / alone:.0%}")
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        (beside,) = _measure(arguments, 1)
    finally:
        for process in others:
            process.kill()
            process.wait()
    print(f"beside two busy processes: {beside:,.0f} tokens/s, {beside / alone:.0%}")


def _measure(arguments: argparse.Namespace, num_processes: int) -> list[float]:
    """Run trainings at the same time, each in its own process."""
    command = [sys.executable, __file__, "--measure", "--config", arguments.config]
    command += ["--seconds", str(arguments.seconds)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(num_processes)]
    return [float(process.communicate()[0]) for process in processes]


def _tokens_per_second(name: str, seconds: float) -> float:
    vocabulary = Vocabulary.from_counts(count_words([str(TEXT)]).counts, min_count=3)
    with tempfile.TemporaryDirectory() as directory:
        corpus = prepare_corpus([str(TEXT)], cache_dir=Path(directory, "cache"))
        trainer = Trainer(Config.load(name), corpus, vocabulary, save_dir=Path(directory))
        batches = iter(trainer.stream)
        for _ in range(3):
            trainer.train_step(next(batches))
        started, num_steps = time.perf_counter(), 0
        while time.perf_counter() < started + seconds:
            trainer.train_step(next(batches))
            num_steps += 1
        return num_steps * trainer.predictions_per_step / (time.perf_counter() - started)


if __name__ == "__main__":
    main()

"""How training scales with the number of processes: bytes and step times measured here, other links modeled.

    python benchmarks/scaling.py measure [--num-processes 1 2] [--config tiny] [key=value ...]
    python benchmarks/scaling.py model --tokens-per-second 20000 [--config original] [--num-words 793471]

`measure` trains on the text of the repository in processes on this machine, and prints tokens per second,
the share of communication and the bytes of a step, beside the bytes that `model` counts.

`model` estimates tokens per second on 1 to 64 GPUs from the speed of one. It assumes that

- gradients are summed by a ring within each machine and one over the machines: 2·(N - 1)/N times the bytes
  pass each link, and every bucket waits 2·(N - 1) times for the latency;
- dense buckets overlap with the backward pass, two thirds of a step, but for the last one; rows do not;
- every process advances the rows of all processes in the text and draws their dropout masks, to use those of
  its own, which takes as long as it does here for a row and as a GPU draws numbers;
- words are as frequent as the log-uniform distribution of the negative samples has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elmokit import Config
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.model.softmax import draw_candidates

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "train-00000.txt.gz"
BUCKET_BYTES = 25 << 20
BACKWARD_SHARE = 2 / 3
SECONDS_PER_FOREIGN_ROW = 1.5e-6  # of a window of 20 steps, measured on one core
RANDOM_NUMBERS_PER_SECOND = 1e11  # of a GPU, bound by its memory


class Links(NamedTuple):
    """What connects the processes: bytes per second that one process can send, and seconds of a message."""

    name: str
    per_machine: int
    inside: float
    between: float
    latency_inside: float
    latency_between: float


LINKS = (
    Links("NVLink, InfiniBand of 400 Gb/s for each GPU", 8, 300e9, 40e9, 5e-6, 10e-6),
    Links("NVLink, Ethernet of 100 Gb/s for each machine", 8, 300e9, 11e9 / 8, 5e-6, 30e-6),
    Links("PCIe, Ethernet of 25 Gb/s for each machine", 8, 12e9, 2.8e9 / 8, 10e-6, 30e-6),
)


class Bytes(NamedTuple):
    """What a process contributes to the sums of an update."""

    dense: float
    rows: float


def count_bytes(config: Config, num_words: int, num_processes: int, bytes_per_number: int) -> Bytes:
    """Count them; the rows are those of one draw of words."""
    training, model = config.training, config.model
    shapes = parameter_shapes(model, num_words, with_softmax=True, source=Path("config"))
    is_sampled = training.num_negatives > 0
    dense = sum(
        np.prod(shape)
        for name, shape in shapes.items()
        if not (is_sampled and name.startswith("softmax.")) and not name.startswith("encoder.weight")
    )
    if not is_sampled:
        return Bytes(float(dense) * bytes_per_number, 0.0)
    generator = np.random.default_rng(0)
    num_targets = training.rows_per_process * num_processes * training.unroll_steps
    words = np.exp(generator.random(num_targets) * np.log(num_words + 1.0)).astype(np.int64) - 1
    drawn = [
        draw_candidates(generator, training.num_negatives, num_words).ids for _ in range(model.num_directions)
    ]
    num_rows = len(np.unique(np.concatenate([np.minimum(words, num_words - 1), *drawn])))
    own_rows = num_rows if num_processes == 1 else num_rows * 0.9  # of which one process has most
    numbers = num_rows * (model.lstm.projection_dim + 1)
    return Bytes(float(dense) * bytes_per_number, numbers * bytes_per_number + 2 * 4 * own_rows)


def communication_seconds(num_bytes: float, num_processes: int, links: Links) -> float:
    """Return the time of a sum over all processes."""
    inside = min(num_processes, links.per_machine)
    machines = -(-num_processes // links.per_machine)
    num_buckets = max(1.0, num_bytes / BUCKET_BYTES)
    seconds = 0.0
    if inside > 1:
        seconds += 2 * (inside - 1) * (num_bytes / inside / links.inside + num_buckets * links.latency_inside)
    if machines > 1:  # each GPU of a machine sums its part with those of the other machines
        part = num_bytes / inside
        seconds += (
            2 * (machines - 1) * (part / machines / links.between + num_buckets * links.latency_between)
        )
    return seconds


def foreign_seconds(config: Config, num_processes: int) -> float:
    """Return the time that a process spends on the rows of the others."""
    training, lstm = config.training, config.model.lstm
    rows = training.rows_per_process * (num_processes - 1)
    num_masks = config.model.num_directions * (lstm.num_layers + 1) if training.dropout else 0
    numbers = rows * training.unroll_steps * lstm.projection_dim * num_masks
    return rows * SECONDS_PER_FOREIGN_ROW + numbers / RANDOM_NUMBERS_PER_SECOND


def step_seconds(computing: float, num_bytes: Bytes, num_processes: int, links: Links) -> float:
    """Return the time of a step with what communication adds to it."""
    dense = communication_seconds(num_bytes.dense, num_processes, links)
    last = communication_seconds(min(num_bytes.dense, BUCKET_BYTES), num_processes, links)
    exposed = max(last, dense - BACKWARD_SHARE * computing) if num_processes > 1 else 0.0
    return computing + exposed + communication_seconds(num_bytes.rows, num_processes, links)


def model(arguments: argparse.Namespace) -> None:
    config = Config.load(arguments.config, arguments.overrides)
    tokens = config.training.rows_per_process * config.training.unroll_steps
    computing = tokens / arguments.tokens_per_second
    size = 2 if config.training.gradient_communication == "bfloat16" else 4
    print(f"{arguments.config}, {arguments.num_words:,} words, {tokens:,} tokens a step and process,")
    print(f"{computing * 1000:.1f} ms a step on one GPU, {size} bytes a number")
    for links in LINKS:
        print(f"\n{links.name}")
        print(f"{'GPUs':>6} {'MB dense':>9} {'MB rows':>8} {'tokens/s':>12} {'of linear':>10}")
        for num in arguments.num_processes:
            num_bytes = count_bytes(config, arguments.num_words, num, size)
            seconds = step_seconds(computing, num_bytes, num, links) + foreign_seconds(config, num)
            print(
                f"{num:>6} {num_bytes.dense / 1e6:>9.0f} {num_bytes.rows / 1e6:>8.0f} "
                f"{num * tokens / seconds:>12,.0f} {computing / seconds:>10.0%}"
            )


def measure(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as directory:
        vocabulary = Path(directory, "vocab.txt")
        command = [sys.executable, "-m", "elmokit"]
        subprocess.run(
            [*command, "vocabulary", "-q", "--input", TEXT, "-o", vocabulary, "--min-count", "3"], check=True
        )
        num_words = len(vocabulary.read_text(encoding="utf-8").splitlines())
        print(f"{arguments.config}, {num_words:,} words, on the CPU")
        print(f"{'processes':>9} {'tokens/s':>9} {'waiting':>8} {'bytes/step':>12} {'counted':>12}")
        for num in arguments.num_processes:
            save_dir = Path(directory, f"run-{num}")
            settings = [*arguments.overrides, "log_interval=5", "device=cpu", f"num_processes={num}"]
            subprocess.run(
                [
                    *(*command, "train", "-q", "--train-prefix", TEXT, "--vocab-file", vocabulary),
                    *("--save-dir", save_dir, "--config", arguments.config, "max_steps=15", *settings),
                ],
                check=True,
            )
            records = [json.loads(line) for line in (save_dir / "metrics.jsonl").read_text().splitlines()]
            last = records[-1]
            config = Config.load(save_dir / "config.json")
            size = 2 if config.training.gradient_communication == "bfloat16" else 4
            counted = count_bytes(config, num_words, num, size)
            print(
                f"{num:>9} {last['tokens_per_second']:>9,.0f} {last.get('communication_share', 0):>8.0%} "
                f"{last.get('communication_bytes_per_step', 0):>12,.0f} "
                f"{sum(counted) if num > 1 else 0:>12,.0f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["measure", "model"])
    parser.add_argument("--config", default=None)
    parser.add_argument("--num-processes", type=int, nargs="+")
    parser.add_argument("--num-words", type=int, default=793_471)
    parser.add_argument("--tokens-per-second", type=float, default=20_000.0, help="of one GPU")
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_intermixed_args()
    if arguments.what == "measure":
        arguments.config = arguments.config or "tiny"
        arguments.num_processes = arguments.num_processes or [1, 2]
        measure(arguments)
    else:
        arguments.config = arguments.config or "original"
        arguments.num_processes = arguments.num_processes or [1, 2, 8, 16, 64]
        model(arguments)


if __name__ == "__main__":
    main()

"""How many tokens and minutes the default recipe takes to reach the perplexity that recipe=bilm ends with.

    python benchmarks/recipes.py --config tiny --text en_sotu --vocab vocab.txt --steps 2816 938 --out runs

Trains with recipe=bilm for the first number of steps and with recipe=adam for the second, from each seed,
with evaluations on the way, and prints when the second first has the perplexity with which the first ended.
Runs that are already in the output directory are used as they are, and interrupted ones go on, so the script
can be stopped and called again. Minutes are tokens times the seconds that a token takes, which is measured at
the end, the steps of both recipes taking turns: during the runs the machine may be busy with other work.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from elmokit import Config, Trainer, Vocabulary, prepare_corpus
from elmokit.formats.checkpoint import list_checkpoints
from elmokit.training.journal import read_metrics

RECIPES = ("bilm", "adam")
TIMED_STEPS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="tiny")
    parser.add_argument(
        "--text", type=Path, required=True, help="folder with train-*.txt.gz and heldout.txt.gz"
    )
    parser.add_argument("--vocab", type=Path, required=True)
    parser.add_argument("--steps", type=int, nargs=2, required=True, help="of recipe=bilm and recipe=adam")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--evaluations", type=int, default=14, help="per epoch")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("overrides", nargs="*", help="settings of both recipes as key=value")
    arguments = parser.parse_intermixed_args()
    for seed in arguments.seeds:
        for recipe, num_steps in zip(RECIPES, arguments.steps, strict=True):
            train(arguments, recipe, seed, num_steps)
    seconds = seconds_per_token(arguments)
    print(f"{arguments.config}: seconds per token {seconds['bilm']:.2e} (bilm), {seconds['adam']:.2e} (adam)")
    print(
        "seed  bilm: tokens  perplexity  minutes   adam: tokens  perplexity  minutes   fewer tokens  minutes"
    )
    ratios = []
    for seed in arguments.seeds:
        (num_bilm, target), (num_adam, reached) = ends(arguments, seed)
        minutes = num_bilm * seconds["bilm"] / 60, num_adam * seconds["adam"] / 60
        ratios.append((num_bilm / num_adam, minutes[0] / minutes[1]))
        mark = "" if reached <= target else "  not reached"
        print(
            f"{seed:>4}  {num_bilm:>12,}  {target:>10.2f}  {minutes[0]:>7.1f}   {num_adam:>12,}  "
            f"{reached:>10.2f}  {minutes[1]:>7.1f}   {ratios[-1][0]:>11.2f}x  {ratios[-1][1]:>6.2f}x{mark}"
        )
    print("mean ratios: {:.2f}x fewer tokens, {:.2f}x fewer minutes".format(*np.mean(ratios, axis=0)))


def run_directory(arguments: argparse.Namespace, recipe: str, seed: int) -> Path:
    return Path(arguments.out) / f"{recipe}-{arguments.config}-{seed}"


def train(arguments: argparse.Namespace, recipe: str, seed: int, num_steps: int) -> None:
    """One run, unless it has ended; by the command, as a user would."""
    save_dir = run_directory(arguments, recipe, seed)
    new = [
        *("--train-prefix", str(arguments.text / "train-*.txt.gz")),
        *("--heldout-prefix", str(arguments.text / "heldout.txt.gz")),
        *("--vocab-file", str(arguments.vocab), "--config", arguments.config),
        *(f"recipe={recipe}", f"seed={seed}", f"max_steps={num_steps}", "histogram_interval=0"),
        *(f"evaluations_per_epoch={arguments.evaluations}", *arguments.overrides),
    ]
    given = ["--resume"] if list_checkpoints(save_dir) else new
    command = [sys.executable, "-m", "elmokit", "train", "--save-dir", str(save_dir), *given]
    print(" ".join(command[2:]), file=sys.stderr)
    subprocess.run(command, check=True, stdout=sys.stderr)


def ends(arguments: argparse.Namespace, seed: int) -> list[tuple[int, float]]:
    """Tokens and perplexity at the end of recipe=bilm, and of recipe=adam where it is first as good."""
    training = Config.load(arguments.config, arguments.overrides).training
    per_step = training.batch_size * training.unroll_steps
    curves = []
    for recipe in RECIPES:
        records = read_metrics(run_directory(arguments, recipe, seed))
        curves.append([(r["step"] * per_step, r["perplexity"]) for r in records if r["event"] == "heldout"])
    bilm_end = curves[0][-1]
    reached = next((point for point in curves[1] if point[1] <= bilm_end[1]), curves[1][-1])
    return [bilm_end, reached]


def seconds_per_token(arguments: argparse.Namespace) -> dict[str, float]:
    """The median over some steps, both recipes in turn."""
    corpus = prepare_corpus([str(arguments.text / "train-*.txt.gz")])
    vocabulary = Vocabulary.load(arguments.vocab)
    with tempfile.TemporaryDirectory() as directory:
        trainers = {}
        for recipe in RECIPES:
            overrides = [f"recipe={recipe}", "num_negatives=0", *arguments.overrides]
            config = Config.load(arguments.config, overrides)
            trainers[recipe] = Trainer(config, corpus, vocabulary, save_dir=Path(directory, recipe))
        streams = {recipe: iter(trainer.stream) for recipe, trainer in trainers.items()}
        durations: dict[str, list[float]] = {recipe: [] for recipe in RECIPES}
        for _ in range(TIMED_STEPS):
            for recipe, trainer in trainers.items():
                batch = next(streams[recipe])
                started = time.perf_counter()
                trainer.train_step(batch)
                durations[recipe].append((time.perf_counter() - started) / trainer.predictions_per_step)
    return {recipe: float(np.median(values)) for recipe, values in durations.items()}


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads", file=sys.stderr)
    main()

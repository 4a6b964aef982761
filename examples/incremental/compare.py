"""What continuing from a model is worth, on a new domain with a vocabulary of its own.

    python examples/incremental/compare.py --base model --old en_sotu --new en_web_bible en_austen --out runs

A model of an old domain (a training run of `elmokit train`) is trained on, on each new text, in some ways,
and the perplexity of the heldout texts of both domains is written down after some steps:

- *from scratch*: a new model of the same geometry;
- *tutorial*: everything restored but the softmax, which starts afresh: what the known tutorial meant to do;
- *transplant*: the default of `elmokit train --restart-ckpt-file`;
- *transplant, short*: the same in a fifth of the steps, so that its schedule ends there;
- *transplant, replay*: transplant with a share of the old text mixed in.

All have the same recipe, batches and seed. Perplexity on the new domain is over its own vocabulary, that on
the old domain over the words that both vocabularies have. The output directory gets a line of JSON for each
measurement; what is there already is not computed again.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from tqdm import tqdm

import elmokit
from elmokit.data.word_counts import count_words
from elmokit.training.fixed_vocabulary import common_vocabulary

STEPS = (0, 50, 100, 200, 500, 1000)  # and the last
VARIANTS = ("from scratch", "tutorial", "transplant", "transplant, short", "transplant, replay")
MIN_COUNT = 3
SHORT = 5  # times fewer steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=Path, required=True, help="save directory of the old domain's run")
    parser.add_argument(
        "--old", type=Path, required=True, help="folder with train-*.txt.gz and heldout.txt.gz"
    )
    parser.add_argument("--new", type=Path, nargs="+", required=True, help="such folders of new domains")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("overrides", nargs="*", help="settings as key=value")
    arguments = parser.parse_intermixed_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for new in arguments.new:
        for variant in arguments.variants:
            record = arguments.out / f"{new.name}-{variant.replace(', ', '-').replace(' ', '-')}.jsonl"
            if not record.exists():
                lines = list(measurements(arguments, new, variant))
                record.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        print_table(arguments, new)


def texts(folder: Path) -> tuple[elmokit.Corpus, elmokit.Corpus]:
    return (
        elmokit.prepare_corpus([str(folder / "train-*.txt.gz")]),
        elmokit.prepare_corpus([str(folder / "heldout.txt.gz")]),
    )


def measurements(arguments: argparse.Namespace, new: Path, variant: str) -> Iterator[dict[str, float]]:
    """Perplexities of one run, as it goes on."""
    base = elmokit.load(arguments.base, optimizer=True)
    corpus, heldout = texts(new)
    old_corpus, old_heldout = texts(arguments.old)
    counts = count_words([str(path) for path in sorted(new.glob("train-*.txt.gz"))]).counts
    vocabulary = elmokit.Vocabulary.from_counts(counts, min_count=MIN_COUNT)
    fixed = common_vocabulary([base.require_softmax(), vocabulary])
    overrides = ["num_epochs=1", "histogram_interval=0", "evaluations_per_epoch=1", *arguments.overrides]
    config = elmokit.restart_config(base, overrides=overrides)

    def trainer_of(config: elmokit.Config) -> elmokit.Trainer:
        return elmokit.Trainer(
            config,
            corpus,
            vocabulary,
            save_dir=arguments.out / "runs" / f"{new.name}-{variant}",
            replay=old_corpus if variant == "transplant, replay" else None,
        )

    if variant == "transplant, short":
        num_steps = trainer_of(config).num_steps // SHORT
        config = config.changed([f"max_steps={num_steps}"], source=variant)
    trainer = trainer_of(config)
    if variant != "from scratch":
        elmokit.restart(trainer, base, exclude=["softmax"] if variant == "tutorial" else [])

    def measure() -> dict[str, float]:
        ours = elmokit.evaluate(trainer.model, heldout, vocabulary)
        old = elmokit.evaluate(trainer.model, old_heldout, vocabulary, fixed_vocabulary=fixed)
        return {
            "step": trainer.step,
            "tokens": trainer.step * trainer.predictions_per_step,
            "new": ours.perplexity,
            "old": old.perplexity,
            "new_unk_share": ours.unk_share,
            "old_unk_share": old.unk_share,
        }

    yield measure()
    with tqdm(total=trainer.num_steps, desc=f"{new.name}, {variant}", mininterval=15) as bar:
        for progress in trainer.run():
            bar.update(progress.step - bar.n)
            if progress.step and (progress.step in STEPS or progress.step == progress.num_steps):
                yield measure()


def print_table(arguments: argparse.Namespace, new: Path) -> None:
    """Markdown: a row for each number of steps, a column for each variant, new / old domain."""
    curves = {}
    for variant in VARIANTS:
        record = arguments.out / f"{new.name}-{variant.replace(', ', '-').replace(' ', '-')}.jsonl"
        if record.exists():
            lines = record.read_text(encoding="utf-8").splitlines()
            curves[variant] = {line["step"]: line for line in map(json.loads, lines)}
    steps = sorted({step for curve in curves.values() for step in curve})
    print(f"\n**{new.name}** (heldout perplexity, new domain / old domain)\n")
    print("| steps | tokens | " + " | ".join(curves) + " |")
    print("| ---: | ---: |" + " ---: |" * len(curves))
    for step in steps:
        found = [curve.get(step) for curve in curves.values()]
        tokens = next(line["tokens"] for line in found if line)
        cells = ["" if line is None else f"{line['new']:.1f} / {line['old']:.1f}" for line in found]
        print(f"| {step:,} | {tokens:,} | " + " | ".join(cells) + " |")
    print_ratios(curves)


def print_ratios(curves: Mapping[str, Mapping[int, dict[str, float]]]) -> None:
    """How many times fewer tokens of the new text the others take to be as good as from scratch."""
    others = [variant for variant in ("tutorial", "transplant") if variant in curves]
    scratch = curves.get("from scratch", {})
    if not scratch or not others:
        return
    print("\n| as good as from scratch after | " + " | ".join(others) + " |")
    print("| ---: |" + " ---: |" * len(others))
    for step, line in sorted(scratch.items()):
        if step == 0:
            continue
        cells = []
        for variant in others:
            num_tokens = tokens_to_reach(line["new"], curves[variant])
            if num_tokens is None:
                cells.append("not reached")
            elif num_tokens == 0:
                cells.append("at once")
            else:
                cells.append(f"{num_tokens:,.0f} tokens, {line['tokens'] / num_tokens:.1f}x fewer")
        print(f"| {line['tokens']:,} tokens ({line['new']:.1f}) | " + " | ".join(cells) + " |")


def tokens_to_reach(target: float, curve: Mapping[int, dict[str, float]]) -> float | None:
    """Tokens until a perplexity is reached, on a straight line between measurements of its logarithm."""
    lines = [curve[step] for step in sorted(curve)]
    if lines[0]["new"] <= target:
        return 0.0
    for before, after in pairwise(lines):
        if after["new"] <= target:
            share = math.log(before["new"] / target) / math.log(before["new"] / after["new"])
            return before["tokens"] + share * (after["tokens"] - before["tokens"])
    return None


if __name__ == "__main__":
    main()

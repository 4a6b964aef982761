"""What the rows of new words should start from: perplexity on a new domain before the first step.

    python examples/incremental/starting_rows.py --base model --old en_sotu --new en_web_bible

Words of both vocabularies keep their softmax rows. For the others, and for the bias of all, some choices are
compared; the docs tell what elmokit does, and why.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import elmokit
from elmokit.data.vocabulary import NUM_SPECIALS, UNK_ID
from elmokit.data.word_counts import count_words
from elmokit.training.warm_start.matching import matched_bias
from elmokit.training.warm_start.transplant import WordMatch, rows_of_new_words

MIN_COUNT = 3
NUM_MATCHED, NUM_WARM_UP = 40, 3  # batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=Path, required=True, help="save directory of the old domain's run")
    parser.add_argument("--old", type=Path, required=True, help="folder with train-*.txt.gz")
    parser.add_argument("--new", type=Path, required=True, help="folder with train-*.txt.gz, heldout.txt.gz")
    arguments = parser.parse_args()
    base = elmokit.load(arguments.base)
    old_vocabulary = base.require_softmax()
    old_corpus, corpus, heldout = (
        elmokit.prepare_corpus([str(path)])
        for path in (
            arguments.old / "train-*.txt.gz",
            arguments.new / "train-*.txt.gz",
            arguments.new / "heldout.txt.gz",
        )
    )
    counts = count_words([str(path) for path in sorted(arguments.new.glob("train-*.txt.gz"))]).counts
    vocabulary = elmokit.Vocabulary.from_counts(counts, min_count=MIN_COUNT)
    match = WordMatch.of(old_vocabulary, vocabulary)
    print(f"{match.num_kept:,} words kept, {match.num_new:,} new, {match.num_dropped:,} dropped")

    with tempfile.TemporaryDirectory() as directory:
        config = elmokit.restart_config(base)
        trainer = elmokit.Trainer(config, corpus, vocabulary, save_dir=Path(directory))
        elmokit.restart(trainer, base)
        model = trainer.model
        softmax, stored = model.softmax, base.model.softmax
        assert softmax is not None
        assert stored is not None

        def set_bias(choice: str) -> None:
            with torch.no_grad():
                softmax.bias.copy_(match.transplant(stored.bias, stored.bias[NUM_SPECIALS:].mean()))
                if choice == "by the ratio of frequencies":
                    shares, old_shares = (
                        log_shares(corpus, vocabulary),
                        log_shares(old_corpus, old_vocabulary),
                    )
                    typical = (stored.bias - old_shares)[NUM_SPECIALS:].mean()
                    softmax.bias.copy_(match.transplant(stored.bias - old_shares, typical) + shares)
            if choice == "matched to the predictions":
                batches = islice(trainer.texts.stream(), NUM_WARM_UP + NUM_MATCHED)
                bias = matched_bias(model, trainer.texts.training, batches, num_warm_up=NUM_WARM_UP)
                with torch.no_grad():
                    softmax.bias.copy_(bias)

        biases = ("as it was", "by the ratio of frequencies", "matched to the predictions")
        print("| new rows | " + " | ".join(f"bias {choice}" for choice in biases) + " |")
        print("| --- |" + " ---: |" * len(biases))
        for name, rows in new_rows(base, vocabulary, match).items():
            cells = []
            for choice in biases:
                with torch.no_grad():
                    softmax.weight.copy_(match.transplant(stored.weight, rows))
                set_bias(choice)
                cells.append(f"{elmokit.evaluate(model, heldout, vocabulary).perplexity:.1f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def new_rows(
    base: elmokit.PretrainedModel, vocabulary: elmokit.Vocabulary, match: WordMatch
) -> dict[str, Tensor]:
    """The choices, each (num_new, P)."""
    stored = base.model.softmax
    assert stored is not None
    weight, shape = stored.weight, (match.num_new, stored.weight.shape[1])
    generator = torch.Generator().manual_seed(0)
    old_words = base.require_softmax().words
    new_words = [word for word, is_new in zip(vocabulary.words, match.is_new.tolist(), strict=True) if is_new]
    old_vectors, vectors = (
        F.normalize(base.model.encode(torch.from_numpy(base.indexer.index(words).char_ids), None), dim=1)
        for words in (old_words, new_words)
    )
    nearest = (vectors @ old_vectors[NUM_SPECIALS:].t()).topk(100, dim=1).indices + NUM_SPECIALS
    return {
        "random, as in a new model": torch.randn(shape, generator=generator) * shape[1] ** -0.5,
        "zero": torch.zeros(shape),
        "mean of the old words": weight[NUM_SPECIALS:].mean(dim=0).expand(shape),
        "`<UNK>`": weight[UNK_ID].expand(shape),
        "the nearest old word": weight[nearest[:, 0]],
        "mean of the 10 nearest": weight[nearest[:, :10]].mean(dim=1),
        "mean of the 100 nearest": weight[nearest].mean(dim=1),
        "regression on token vectors": rows_of_new_words("softmax.weight", base, vocabulary, match),
    }


def log_shares(corpus: elmokit.Corpus, vocabulary: elmokit.Vocabulary) -> Tensor:
    counts = torch.bincount(
        torch.from_numpy(corpus.types.word_ids(vocabulary)),
        weights=torch.from_numpy(corpus.types.counts.astype(float)),
        minlength=len(vocabulary),
    ).clamp(min=0.5)
    return (counts / counts.sum()).log().float()


if __name__ == "__main__":
    main()

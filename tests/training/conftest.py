"""A small text and configuration to train on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import read_sentences
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_counts import count_words
from elmokit.training.trainer import Trainer

NUM_LINES = 22  # of each training file

SETTINGS = {
    "model": {
        "char_cnn": {"embedding_dim": 4, "filters": [[1, 4], [2, 4]], "num_highway": 1, "max_characters": 10},
        "lstm": {"cell_dim": 8, "projection_dim": 4},
    },
    "training": {
        "recipe": "bilm",
        "batch_size": 4,
        "unroll_steps": 5,
        "num_epochs": 2,
        "num_negatives": 8,
        "dropout": 0.2,
        "state_reset": 0.1,
        "log_interval": 3,
        "histogram_interval": 0,
        "seed": 7,
    },
}


@dataclass(frozen=True)
class Texts:
    directory: Path
    train: Corpus
    heldout: Corpus
    vocabulary: Vocabulary
    train_sentences: list[list[str]]
    heldout_sentences: list[list[str]]


@pytest.fixture
def texts(tmp_path, monkeypatch) -> Texts:
    """Two training files and heldout text, with blank lines and words out of the vocabulary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    rng = random.Random(0)
    words = [f"{rng.choice('abcdeé')}{k}" for k in range(60)]
    for name, num_lines in [("train-0", NUM_LINES), ("train-1", NUM_LINES), ("heldout", 12)]:
        lines = [
            " ".join(rng.choices(words, [1 / (k + 1) for k in range(60)], k=rng.randint(1, 12)))
            if k % 13 != 4
            else ""
            for k in range(num_lines)
        ]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    train_files = ["train-0.txt", "train-1.txt"]
    vocabulary = Vocabulary.from_counts(count_words(train_files).counts, min_count=2)
    vocabulary.save("vocab.txt")
    return Texts(
        tmp_path,
        prepare_corpus(train_files),
        prepare_corpus(["heldout.txt"]),
        vocabulary,
        [sentence for name in train_files for sentence in read_sentences(name)],
        list(read_sentences("heldout.txt")),
    )


def small_config(**changes: object) -> Config:
    """The small configuration; a change is of the training settings, or ``model`` or ``char_cnn``."""
    model = dict(SETTINGS["model"])
    for name in ("char_cnn", "bidirectional", "tie_softmax", "lstm"):
        if name in changes:
            model[name] = changes.pop(name)
    return Config.parse({"model": model, "training": SETTINGS["training"] | changes}, source="test")


@pytest.fixture
def make_trainer(texts) -> Callable[..., Trainer]:
    def make(save_dir: str = "run", heldout: bool = True, **changes: object) -> Trainer:
        directory = texts.directory / save_dir
        directory.mkdir(exist_ok=True)
        return Trainer(
            small_config(**changes),
            texts.train,
            texts.vocabulary,
            save_dir=directory,
            heldout=texts.heldout if heldout else None,
        )

    return make

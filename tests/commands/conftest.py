"""A small text, a configuration and a trained model for the commands to work on."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_counts import count_words
from elmokit.training.run_directory import start_run
from elmokit.training.trainer import Trainer

CONFIG = """
[model.char_cnn]
embedding_dim = 4
filters = [[1, 4], [2, 4]]
num_highway = 1
max_characters = 10
[model.lstm]
cell_dim = 8
projection_dim = 4
[training]
batch_size = 4
unroll_steps = 5
num_epochs = 1
num_negatives = 8
log_interval = 2
histogram_interval = 0
"""


def _write_texts(directory: Path) -> None:
    rng = random.Random(0)
    words = [f"{rng.choice('abcdeé')}{k}" for k in range(60)]
    for name, num_lines in [("train", 45), ("heldout", 10)]:
        lines = [
            " ".join(rng.choices(words, [1 / (k + 1) for k in range(60)], k=rng.randint(1, 12)))
            for _ in range(num_lines)
        ]
        (directory / f"{name}.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    counts = count_words([str(directory / "train.txt")]).counts
    Vocabulary.from_counts(counts, min_count=2).save(directory / "vocab.txt")
    (directory / "c.toml").write_text(CONFIG)


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """Texts, configuration and the save directory of a short run, to be copied."""
    directory = tmp_path_factory.mktemp("template")
    _write_texts(directory)
    cache = directory / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        vocabulary = Vocabulary.load("vocab.txt")
        config = Config.load("c.toml", ["max_steps=6", "evaluations_per_epoch=6"])
        run = start_run(Path("model"), config, vocabulary, ["train.txt"], ["heldout.txt"])
        run.write()
        trainer = Trainer(
            run.config,
            prepare_corpus(["train.txt"], cache_dir=cache),
            vocabulary,
            save_dir=run.save_dir,
            heldout=prepare_corpus(["heldout.txt"], cache_dir=cache),
        )
        list(trainer.run())
    shutil.rmtree(cache)
    return directory


@pytest.fixture
def work(tmp_path, template, monkeypatch) -> Path:
    """The working directory: a copy of the template, its own cache."""
    directory = tmp_path / "work"
    shutil.copytree(template, directory)
    monkeypatch.chdir(directory)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    return directory

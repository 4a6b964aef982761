"""Without any extra, every core command runs, and the others fail with one line that names the extra.

`make test-core` runs this file in an environment that has only the core dependencies and pytest.
"""

from __future__ import annotations

import importlib.util
import random
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

import elmokit
from elmokit.cli import VERBS
from elmokit.errors.installation import install_command

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
HAS_EXTRAS = importlib.util.find_spec("matplotlib") is not None

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(HAS_EXTRAS, reason="extras are installed: `make test-core` runs this without them"),
]

SETTINGS = (
    "max_steps=4 batch_size=2 unroll_steps=5 cell_dim=8 projection_dim=4 embedding_dim=4 filters=[[1,8]]"
)

# The arguments of each command in the order in which they run: each uses the files that earlier ones wrote.
COMMANDS = {
    "shard": "--input text.txt --output-dir shards --num-shards 2 --heldout-fraction 0.2",
    "vocabulary": "--input shards/train-* --output vocab.txt",
    "prepare": "--input shards/heldout-* --output prepared",
    "train": "--train-prefix shards/train-* --heldout-prefix shards/heldout-* --vocab-file vocab.txt "
    f"--save-dir run --config tiny {SETTINGS}",
    "evaluate": "--save-dir run --test-prefix shards/heldout-*",
    "dump-weights": "--save-dir run --outfile pair/weights.hdf5",
    "convert": "run directory --format elmokit",
    "embed": "pair sentences.txt vectors.hdf5",
    "embed-tokens": "directory vocab.txt tokens.hdf5",
    "score": "run sentences.txt",
    "substitutes": "run w1_w2_w3 --position 0 -k 3",
    "classify": "train --train labelled.tsv --dev labelled-dev.tsv -o classifier --embedding random "
    "max_epochs=1 --device cpu",
    "tag": "train --train tags.tsv --dev dev.tsv -o tagger --embedding random max_epochs=1 --device cpu",
    "senses": "train senses.tsv -o senses --embedding random --device cpu",
    "pairs": "train --train pairs.tsv --dev dev_pairs.tsv -o pairs --embedding random max_epochs=1",
    "compare": "--task task.toml --embeddings random,majority --seeds 1 --train-sizes all",
    "info": "directory",
    "neighbors": "tiny-en sentences.txt --query play --word play -k 3",
    "projector": "run sentences.txt --logdir logs",
}

# What needs an extra: arguments, the feature that the message names, and the extra.
NEED_EXTRAS = [
    ("plot run sentences.txt -o map.png --method pca", "plotting", "plot"),
    ("plot run sentences.txt -o map.png", "t-SNE", "plot"),
    ("plot run sentences.txt -o map.png --method umap", "UMAP", "umap"),
    ("curves run -o curves.png", "plotting", "plot"),
    ("embed pair sentences.txt vectors.parquet", "writing Parquet files", "parquet"),
    ("shard --input text.txt --output-dir zst --compression zst", "writing .zst files", "zstd"),
    ("compare --task task.toml --embeddings random --seeds 2", "the interval over seeds", "downstream"),
    (
        "classify train --train labelled.tsv -o c --embedding word2vec --embedding-text text.txt",
        "training word2vec or fastText",
        "downstream",
    ),
    ("info GOLDEN/train_trace_char/ckpt", "reading TensorFlow checkpoints", "tensorflow"),
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small text to train on and sentences to embed."""
    directory = tmp_path_factory.mktemp("core")
    rng = random.Random(0)
    lines = [" ".join(f"w{rng.randrange(30)}" for _ in range(rng.randint(2, 9))) for _ in range(60)]
    (directory / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (directory / "sentences.txt").write_text("w1 w2 w3\nplay w2 w5\nw6 w7\n", encoding="utf-8")
    (directory / "tags.tsv").write_text("w1\tA\nw2\tB\n\nw3\tA\n", encoding="utf-8")
    (directory / "labelled.tsv").write_text("text\tlabel\nw1 w2\tA\nw3\tB\n", encoding="utf-8")
    (directory / "labelled-dev.tsv").write_text("text\tlabel\nw1\tA\n", encoding="utf-8")
    (directory / "dev.tsv").write_text("w2\tB\n", encoding="utf-8")
    (directory / "senses.tsv").write_text("sense\tindex\ttokens\na\t0\tw1 w2\nb\t0\tw1 w3\n")
    (directory / "pairs.tsv").write_text("label\ttext1\ttext2\n1\tw1\tw1\n0\tw1\tw2\n")
    (directory / "dev_pairs.tsv").write_text("label\ttext1\ttext2\n1\tw3\tw3\n")
    (directory / "test.tsv").write_text("w1\tA\n", encoding="utf-8")
    parts = 'kind = "tag"\ntrain = "tags.tsv"\ndev = "dev.tsv"\ntest = "test.tsv"\n'
    (directory / "task.toml").write_text(f"{parts}[model]\nmax_epochs = 1\n", encoding="utf-8")
    return directory


@pytest.fixture
def work(texts: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, kept from one command to the next."""
    monkeypatch.chdir(texts)
    monkeypatch.setenv("ELMOKIT_CACHE", str(texts / "cache"))
    return texts


def test_no_extra_is_installed() -> None:
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    requirements = [requirement for members in extras.values() for requirement in members]
    names = {re.split(r"[\[>]", requirement)[0].lower() for requirement in requirements}
    installed = {distribution.name.lower() for distribution in distributions()}
    assert names & installed == {"elmokit", "pytest"}


def test_all_commands_are_listed() -> None:
    # The page of explore needs no extra, and is served until it is interrupted.
    assert {"explore", *COMMANDS, *(arguments.split()[0] for arguments, _, _ in NEED_EXTRAS)} == set(VERBS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_core_command_runs(verb: str, work: Path, run_cli: Callable[..., Any]) -> None:
    done = run_cli(verb, *COMMANDS[verb].split())
    assert done.exit_code == 0, done.err


@pytest.mark.parametrize(("arguments", "feature", "extra"), NEED_EXTRAS)
def test_a_missing_extra_is_named(
    arguments: str, feature: str, extra: str, work: Path, golden: Path, run_cli: Callable[..., Any]
) -> None:
    done = run_cli(*arguments.replace("GOLDEN", str(golden)).split())
    assert done.exit_code == 2
    assert done.err == f"elmokit: {feature} needs an optional package: {install_command(extra)}\n"


def test_every_public_name_is_there() -> None:
    for name in elmokit.__all__:
        assert getattr(elmokit, name) is not None

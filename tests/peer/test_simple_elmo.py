"""Weights written here, read by simple-elmo: the same vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import BiLM, Config, ElmoEmbedder, Vocabulary
from elmokit.formats.bilm_hdf5 import write_weights

pytestmark = pytest.mark.peer

SMALL = [
    "embedding_dim=5",
    "filters=[[1, 6], [2, 8], [3, 10]]",
    "num_highway=2",
    "activation=relu",
    "cell_dim=20",
    "projection_dim=16",
    "num_layers=2",
    "cell_clip=0.8",
    "projection_clip=0.5",
    "skip_connections=true",
]
# What is different from SMALL.
GEOMETRIES = {
    "relu": [],
    "tanh": ["activation=tanh"],
    "no highway": ["num_highway=0"],
    "no CNN projection": ["filters=[[1, 6], [2, 10]]"],
    "neither highway nor CNN projection": ["filters=[[1, 6], [2, 10]]", "num_highway=0"],
    "no LSTM projection": ["cell_dim=16"],
    "no clips": ["cell_clip=null", "projection_clip=null"],
    "no skip connections": ["skip_connections=false"],
    "one layer": ["num_layers=1"],
    "three layers": ["num_layers=3"],
    "short words": ["max_characters=8"],
}
SENTENCES = [
    ["The", "first", "sentence", "with", "Ωμέγα", ",", "日本語", "and", "a", "naïve", "🙂", "."],
    ["Alone"],
    ["the", "the", "unseen-in-the-vocabulary", "<UNK>", "</S>", "<S>", "THE"],
    ["x" * 49, "y" * 48, "é" * 25, "shorter", "", "\ud800surrogate"],
    [],
    ["a", "last", "one"],
]
BATCH_SIZE = 2  # of run_simple_elmo.py


def write_pair(directory: Path, config: Config, seed: int) -> None:
    """``weights.hdf5``, ``options.json`` and ``vocab.txt``, as ``elmokit dump-weights`` writes them."""
    directory.mkdir()
    model = BiLM(config.model, None)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.4, generator=generator)
    write_weights(directory / "weights.hdf5", config.model, dict(model.named_parameters()))
    (directory / "options.json").write_text(json.dumps(config.to_bilm_options()), encoding="utf-8")
    # Longer than the hundred words whose characters simple-elmo keeps.
    words = ["the", "The", "日本語", "x" * 49, *(f"word{k}" for k in range(120)), "shorter"]
    Vocabulary(["<S>", "</S>", "<UNK>", *words]).save(directory / "vocab.txt")


@pytest.fixture(scope="module")
def pairs(run_peer: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each geometry, with the vectors of simple-elmo beside it."""
    root = tmp_path_factory.mktemp("pairs")
    (root / "sentences.json").write_text(json.dumps(SENTENCES), encoding="utf-8")
    directories = {name: root / name.replace(" ", "_") for name in GEOMETRIES}
    for seed, (name, changes) in enumerate(GEOMETRIES.items()):
        write_pair(directories[name], Config.load("tiny", [*SMALL, *changes]), seed)
    (directories["tanh"] / "vocab.txt").unlink()  # it can do without
    run_peer("simple-elmo", root / "sentences.json", *directories.values())
    return directories


@pytest.fixture(params=GEOMETRIES)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Path]) -> Path:
    return pairs[request.param]


@pytest.fixture
def embedder(pair: Path) -> ElmoEmbedder:
    return ElmoEmbedder.load(pair)


@pytest.fixture
def recorded(pair: Path) -> Iterator[dict[str, np.ndarray]]:
    with np.load(pair / "simple_elmo.npz") as arrays:
        yield dict(arrays)


def check(vectors: list[np.ndarray], padded: np.ndarray) -> None:
    """Compare with (B, …, T, D), of which the places behind a sentence are not looked at."""
    assert len(vectors) == len(SENTENCES) == len(padded)
    differences = []
    for sentence, ours, theirs in zip(SENTENCES, vectors, padded, strict=True):
        theirs = theirs[..., : len(sentence), :]
        assert ours.shape == theirs.shape
        differences.append(np.abs(ours - theirs).ravel())
    together = np.concatenate(differences)
    assert together.max() < 1e-4
    assert together.mean() < 1e-6


@pytest.mark.parametrize("layers", ["all", "average", "top"])
def test_the_same_vectors(embedder, recorded, layers):
    check(embedder.embed(SENTENCES, layers), recorded[layers])


def test_the_same_vectors_with_carried_states(embedder, recorded):
    starts = range(0, len(SENTENCES), BATCH_SIZE)
    batches = [SENTENCES[start : start + BATCH_SIZE] for start in starts]
    _, state = embedder.embed_statefully(batches[0], embedder.zero_state(BATCH_SIZE))  # the warm-up
    vectors = []
    for batch in batches:
        of_batch, state = embedder.embed_statefully(batch, state)
        vectors += of_batch
    check(vectors, recorded["carried"])


def test_the_states_and_the_clips_matter(pairs):
    """Otherwise the comparisons above would not see a wrong one."""
    with np.load(pairs["relu"] / "simple_elmo.npz") as arrays:
        assert np.abs(arrays["carried"] - arrays["all"])[0].max() > 1e-2
    options = json.loads((pairs["relu"] / "options.json").read_text(encoding="utf-8"))
    assert (options["lstm"]["cell_clip"], options["lstm"]["proj_clip"]) == (0.8, 0.5)
    vectors = ElmoEmbedder.load(pairs["relu"]).embed(SENTENCES)
    first_layer = np.concatenate([layers[1] for layers in vectors])  # no skip connection below it
    assert np.abs(first_layer).max() == 0.5

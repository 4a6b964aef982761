"""What is trained and predicted does not depend on the number of threads, and uses no parallel loops."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit.downstream.classification.classifier import TextClassifier
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.comparison.experiments import experiment_of
from elmokit.downstream.comparison.outcomes import Outcomes
from elmokit.downstream.comparison.running import Plan, run
from elmokit.downstream.comparison.task import Task
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.fit_settings import FitSettings
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.tagger import SequenceTagger
from elmokit.downstream.words.pair_data import Pairs
from elmokit.downstream.words.pair_settings import PairSettings
from elmokit.downstream.words.pairs import PairModel
from elmokit.downstream.words.tables import Occurrence

# PyTorch divides sums and products of this size among threads.
EMBEDDING = RandomEmbedding(dim=256)
NUM_SENTENCES, WIDTH = 64, 48
FIT = {"max_epochs": 1, "batch_size": 32, "learning_rate": 0.01, "dropout": 0.2}

MAKES = {
    "detach",
    "empty",
    "lift_fresh",
    "uniform_",
    "zeros",
    "zeros_like",
    "ones",
    "fill_",
    "copy_",
    "_to_copy",
}
"""Operations that make tensors, once for each model; their values are the same however they are divided."""

Learned = dict[str, np.ndarray]


def sentences(seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Words, some of which have a tag of their own."""
    rng = random.Random(seed)
    tokens = [[f"w{rng.randrange(200)}" for _ in range(rng.randint(3, 12))] for _ in range(NUM_SENTENCES)]
    return tokens, [[word[-1] for word in own] for own in tokens]


def tensors(module: torch.nn.Module) -> Learned:
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def tagger(_: Path) -> Learned:
    settings = TaggerSettings(hidden_dim=WIDTH, num_layers=2, **FIT)
    model = SequenceTagger.train(*sentences(0), *sentences(1), embedding=[EMBEDDING], settings=settings)
    predictions = list(model.predict_iter(sentences(2)[0]))
    return {**tensors(model.network), "predicted": np.concatenate([own.probabilities for own in predictions])}


def classifier(encoder: str) -> Callable[[Path], Learned]:
    def train(_: Path) -> Learned:
        fit = {name: value for name, value in FIT.items() if name != "dropout"}
        settings = ClassifierSettings(encoder=encoder, hidden_dim=WIDTH, fit=FitSettings(**fit))
        model = TextClassifier([EMBEDDING], settings=settings)
        (texts, tags), (dev, dev_tags) = sentences(0), sentences(1)
        model.fit(texts, [own[0] for own in tags], (dev, [own[0] for own in dev_tags]))
        return {**tensors(model.fitted.network), "predicted": model.predict_proba(sentences(2)[0])}

    return train


def pairs(_: Path) -> Learned:
    def made(seed: int) -> Pairs:
        sides = [[Occurrence(tokens, None) for tokens in sentences(k)[0] * 2] for k in (seed, seed + 1)]
        targets = np.array(
            [float(own.tokens[0] < other.tokens[0]) for own, other in zip(*sides, strict=True)]
        )
        return Pairs(f"pairs {seed}", *sides, targets, "label")

    settings = PairSettings(hidden_dim=WIDTH, **FIT)
    model = PairModel.train(made(0), made(3), [EMBEDDING], settings=settings)
    return {**{name: own.numpy() for name, own in model.tensors.items()}, "predicted": model.predict(made(6))}


def comparison(directory: Path) -> Learned:
    paths = {part: directory / f"{part}.tsv" for part in ("train", "dev", "test")}
    for seed, path in enumerate(paths.values()):
        blocks = (
            "\n".join(map("\t".join, zip(*own, strict=True))) for own in zip(*sentences(seed), strict=True)
        )
        path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    task = Task(kind="tag", **paths)
    plan = Plan(("random",), 2, (32, NUM_SENTENCES), ({"hidden_dim": WIDTH, **FIT},))
    outcomes = Outcomes(directory / f"outcomes-{torch.get_num_threads()}")
    (system,) = run(experiment_of(task), plan, outcomes)
    return {
        f"{own.train_size}, {own.seed}": np.array([own.dev_score, *map(sum, own.test_counts["test"])])
        for own in system.runs
    }


KINDS = {
    "tagger": tagger,
    "pooled classifier": classifier("pooled"),
    "biLSTM classifier": classifier("bilstm"),
    "pairs": pairs,
    "comparison": comparison,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_nothing_and_there_are_no_parallel_loops(
    kind, tmp_path, threads_of_operations
):
    with threads_of_operations as threads:
        two = KINDS[kind](tmp_path)
    assert not _loops(threads.found)
    torch.set_num_threads(1)
    one = KINDS[kind](tmp_path)
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert np.array_equal(values, two[name]), name


def _loops(found: dict[int, set[str]]) -> set[str]:
    """Return the operations that compute and may have run in a parallel loop."""
    names = set().union(*(own for number, own in found.items() if number > 1))
    return {name for name in names if name.split(".")[1] not in MAKES}

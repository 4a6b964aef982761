"""A CUDA device computes what the CPU computes, and several users of a model do not disturb each other."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import elmokit
from elmokit.formats.checkpoint import read_checkpoint

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SENTENCES = ["Child is playing the guitar", "", "Brazil is a strong team", "play"]
WORDS = [f"w{k}" for k in range(60)]


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Tensor cores round to fewer digits than the comparison needs."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = allowed


@pytest.fixture
def make_trainer(tmp_path: Path):
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(WORDS, size=rng.integers(2, 12))) for _ in range(200)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    by_frequency = [word for word, _ in Counter(" ".join(lines).split()).most_common(50)]
    vocabulary = elmokit.Vocabulary(["<S>", "</S>", "<UNK>", *by_frequency])
    corpus = elmokit.prepare_corpus(tmp_path / "text.txt", cache_dir=tmp_path / "cache")

    def make(device: str, *overrides: str) -> elmokit.Trainer:
        config = elmokit.Config.load(
            "tiny",
            ["batch_size=8", "unroll_steps=6", "dropout=0", "max_steps=8", f"device={device}", *overrides],
        )
        return elmokit.Trainer(
            config, corpus, vocabulary, save_dir=tmp_path / device.replace(":", "-"), heldout=corpus
        )

    return make


def test_vectors():
    on_cpu, on_gpu = (elmokit.ElmoEmbedder.load("tiny-en", device=device) for device in ("cpu", "cuda"))
    for layers in ("all", "top", "average", 0, 1):
        for one, other in zip(on_cpu.embed(SENTENCES, layers), on_gpu.embed(SENTENCES, layers), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


def test_two_embedders_of_one_model_on_two_devices():
    pretrained = elmokit.load("tiny-en")
    on_cpu = elmokit.ElmoEmbedder(pretrained)
    before = on_cpu.embed(SENTENCES)
    on_gpu = elmokit.ElmoEmbedder(pretrained, device="cuda")
    on_gpu.embed(SENTENCES)
    assert pretrained.model.device.type == on_cpu.model.device.type == "cpu"
    assert on_gpu.model.device.type == "cuda"
    for one, other in zip(before, on_cpu.embed(SENTENCES), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("num_negatives", [0, 20])
def test_training(make_trainer, num_negatives):
    curves = []
    for device in ("cpu", "cuda"):
        trainer = make_trainer(device, f"num_negatives={num_negatives}", "state_reset=0.2")
        curves.append([progress.perplexity for progress in trainer.run()])
        curves[-1].append(trainer.best_perplexity)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)


def test_a_run_on_the_device_resumes(make_trainer, tmp_path):
    trainer = make_trainer("cuda", "dropout=0.1", "num_negatives=20")
    list(trainer.run())
    checkpoints = sorted((trainer.save_dir / "checkpoints").glob("step-*"))
    resumed = make_trainer("cuda", "dropout=0.1", "num_negatives=20")
    resumed.load_checkpoint(read_checkpoint(checkpoints[-1]))
    for one, other in zip(trainer.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert resumed.step == trainer.step == 8


@pytest.mark.filterwarnings("ignore:Grad strides do not match bucket view strides")  # costs speed only
def test_data_parallel_on_one_rank_changes_nothing(make_trainer):
    trainer = make_trainer("cuda", "num_negatives=0")
    batch = next(iter(trainer.stream)).to("cuda")
    plain, held = trainer.model, copy.deepcopy(trainer.model)
    torch.distributed.init_process_group(
        "nccl", rank=0, world_size=1, store=torch.distributed.HashStore(), device_id=torch.device("cuda:0")
    )
    try:
        parallel = nn.parallel.DistributedDataParallel(held, device_ids=[0])
        for model in (plain, parallel):
            output = model(batch)
            sum(direction.total_loss for direction in output.directions).backward()
        for one, other in zip(plain.parameters(), held.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)
    finally:
        torch.distributed.destroy_process_group()

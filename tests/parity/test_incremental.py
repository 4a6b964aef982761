"""What the tutorial on incremental training meant to do: everything restored but the softmax."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.loading import load
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.restart import restart

SOFTMAX = ("softmax.weight", "softmax.bias")


@pytest.fixture
def incremental(trace_of):
    return trace_of("incremental")


@pytest.fixture
def restarted(incremental, trace_of, tmp_path):
    """A run on the new text, and what it took over from the original's checkpoint."""
    earlier = trace_of("char")
    source = load(
        earlier.directory / "ckpt/model.ckpt-60",
        vocabulary=earlier.directory / "vocab.txt",
        optimizer=True,
    )
    overrides = ["shuffle=false", "blank_lines=keep", "log_interval=1", "evaluations_per_epoch=1"]
    overrides += [f"max_steps={len(incremental.per_batch('loss'))}", "num_epochs=10", "device=cpu"]
    config = Config.load(incremental.directory / "options.json", overrides)
    trainer = Trainer(config, incremental.corpus, incremental.vocabulary, save_dir=tmp_path)
    return trainer, restart(trainer, source, exclude=["softmax"])


def test_what_is_restored(restarted, incremental):
    trainer, report = restarted
    weights = incremental.by_parameter("init_weights")
    accumulators = incremental.by_parameter("init_accumulators", "/Adagrad")
    assert weights.keys() == accumulators.keys() == dict(trainer.model.named_parameters()).keys()
    for name, parameter in trainer.model.named_parameters():
        if name not in SOFTMAX:
            assert torch.equal(parameter, weights[name]), name
        assert torch.equal(trainer.optimizer.slot("sum", name), accumulators[name]), name
    assert trainer.optimizer.num_updates == report.num_updates == 60
    outcomes = {tensor.name: (tensor.outcome, tensor.optimizer) for tensor in report.tensors}
    assert {name for name, outcome in outcomes.items() if outcome == ("excluded", "fresh")} == set(SOFTMAX)
    assert {outcome for name, outcome in outcomes.items() if name not in SOFTMAX} == {("restored",) * 2}


def test_every_batch(restarted, incremental, load_into, tmp_path):
    trainer, _ = restarted
    # The original drew its softmax from a generator of its own.
    softmax = {k: v for k, v in incremental.by_parameter("init_weights").items() if k in SOFTMAX}
    load_into(trainer.model, dict(trainer.model.named_parameters()) | softmax)
    expected = incremental.per_batch("loss")
    list(trainer.run())
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [record for record in map(json.loads, lines) if record["event"] == "train"]
    np.testing.assert_allclose([record["loss"] for record in records], expected, rtol=1e-5)
    norms = [record["gradient_norm"] for record in records]
    np.testing.assert_allclose(norms, incremental.per_batch("grad_global_norm_preclip"), rtol=1e-4)
    assert trainer.optimizer.num_updates == 60 + len(expected)
    accumulators = incremental.by_parameter("final_accumulators", "/Adagrad")
    for name in ("softmax.weight", "softmax.bias", "stacks.0.1.kernel", "encoder.projection"):
        torch.testing.assert_close(
            trainer.optimizer.slot("sum", name), accumulators[name], rtol=1e-4, atol=1e-6, msg=name
        )

"""A whole model by Triton's kernels, compared with the same model on the CPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from elmokit.batch import Batch
from elmokit.data.indexers import CharacterIndexer
from elmokit.model import char_cnn, softmax
from elmokit.model.softmax import draw_candidates
from elmokit.model.stack import LstmStack

WORDS = ["<S>", "Child", "is", "playing", "a", "guitar", "é"]
NUM_STEPS, NUM_ROWS = 3, 2


def _batch(num_words: int) -> Batch:
    generator = torch.Generator().manual_seed(5)
    char_ids = CharacterIndexer(12).index(WORDS).char_ids
    assert char_ids is not None
    shape = (NUM_STEPS * NUM_ROWS,)
    return Batch(
        inputs=tuple(torch.randint(len(WORDS), shape, generator=generator) for _ in range(2)),
        batch_sizes=(NUM_ROWS,) * NUM_STEPS,
        char_ids=torch.from_numpy(char_ids),
        targets=tuple(torch.randint(num_words, shape, generator=generator) for _ in range(2)),
    )


def _results(model, batch, candidates) -> list[torch.Tensor]:
    output = model(batch, None, candidates)
    loss = sum(direction.total_loss for direction in output.directions)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    parts = [*(direction.losses for direction in output.directions), output.token_vectors]
    parts += [part for layers in output.state for layer in layers for part in layer]
    return [part.detach().cpu().to_dense() for part in (*parts, *gradients)]


@pytest.mark.parametrize("is_sampled", [False, True], ids=["full", "sampled"])
def test_equals_the_model_on_the_cpu(is_sampled, make_config, make_model, triton_device, monkeypatch):
    model = make_model(make_config("characters"))
    batch, generator = _batch(model.num_words), np.random.default_rng(6)
    candidates = [draw_candidates(generator, 5, model.num_words) for _ in range(2)] if is_sampled else None
    expected = _results(model, batch, candidates)

    on_device = copy.deepcopy(model).to(triton_device)
    calls = []
    for module in (char_cnn, softmax):
        monkeypatch.setattr(module, "can_compute", lambda *_, **__: False)
        launchable = module.can_launch
        monkeypatch.setattr(
            module, "can_launch", lambda *tensors, own=launchable: calls.append(own(*tensors)) or calls[-1]
        )
    for stack in on_device.stacks:
        assert isinstance(stack, LstmStack)
        for layer in stack.layers:
            layer.implementation = "fused"
    # The kernels of the softmax serve bf16, whose products Triton's interpreter does not compute.
    on_device.softmax.precision = "bf16"
    monkeypatch.setattr(softmax, "operand_type", lambda _: torch.float32)
    found = _results(on_device, batch.to(triton_device), candidates)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert calls == [True] * 5  # three filters, two directions

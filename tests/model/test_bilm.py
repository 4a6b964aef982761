"""How the model combines its layers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from elmokit.batch import Batch
from elmokit.config import Config
from elmokit.errors import ElmokitError
from elmokit.kernels.library import is_available
from elmokit.model.bilm import BiLM
from elmokit.model.dropout import Dropout
from elmokit.model.lstm.interface import LstmState
from elmokit.model.precision import HasPrecision

BATCH_SIZES = [2, 2, 1]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(sum(BATCH_SIZES), 16, generator=torch.Generator().manual_seed(0))


def _plain_layers(
    model: BiLM, direction: int, tokens: Tensor, *, has_skip: bool, factors: list[float]
) -> tuple[list[Tensor], list[LstmState]]:
    """Run two layers; each layer's input and the top output are multiplied by a factor."""
    first, second = model.stacks[direction]
    states = model.zero_state(2)[direction]
    bottom_input = tokens * factors[0]
    bottom, bottom_state = first(bottom_input, BATCH_SIZES, states[0])
    top_input = bottom * factors[1]
    top, top_state = second(top_input, BATCH_SIZES, states[1])
    if has_skip:
        top = top + top_input
    return [bottom, top * factors[2]], [bottom_state, top_state]


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("has_skip", [True, False])
def test_layers(has_skip, direction, make_config, make_model, tokens):
    config = make_config("characters")
    lstm = config.model.lstm.model_copy(update={"skip_connections": has_skip})
    config = Config(model=config.model.model_copy(update={"lstm": lstm}))
    model = make_model(config)
    outputs, state = model.stacks[direction](tokens, BATCH_SIZES, model.zero_state(2)[direction])
    expected, states = _plain_layers(model, direction, tokens, has_skip=has_skip, factors=[1, 1, 1])
    assert len(outputs) == len(state) == 2
    for output, plain in zip(outputs, expected, strict=True):
        assert torch.equal(output, plain)
    # The carried state does not include the skip connection.
    for new, plain in zip(state, states, strict=True):
        assert torch.equal(new.cell, plain.cell)
        assert torch.equal(new.hidden, plain.hidden)
    last_outputs = outputs[1][[4, 3]]  # row 0 ends at the last step, row 1 before it
    assert torch.equal(last_outputs, state[1].hidden) == (not has_skip)


@pytest.mark.parametrize(("direction", "name"), [(0, "forward"), (1, "backward")])
def test_where_dropout_is_applied(direction, name, make_config, make_model, tokens):
    model = make_model(make_config("characters"))
    assert model.config.lstm.skip_connections
    factors = {f"{name}_layer0_input": 2.0, f"{name}_layer1_input": 3.0, f"{name}_output": 5.0}
    masks = {name: torch.full_like(tokens, factor) for name, factor in factors.items()}
    stack = model.stacks[direction]
    outputs, _ = stack(tokens, BATCH_SIZES, model.zero_state(2)[direction], masks)
    expected, _ = _plain_layers(model, direction, tokens, has_skip=True, factors=[2.0, 3.0, 5.0])
    assert stack.activation_names == list(factors)
    for output, plain in zip(outputs, expected, strict=True):
        assert torch.equal(output, plain)


def test_dropout_scales_up_what_it_keeps():
    masks = Dropout(0.25, torch.Generator().manual_seed(0)).masks(["a", "b"], 400, 50)
    assert list(masks) == ["a", "b"]
    for mask in masks.values():
        assert mask.shape == (400, 50)
        kept = mask != 0
        torch.testing.assert_close(mask[kept], torch.full((int(kept.sum()),), 4 / 3))
        assert kept.float().mean().item() == pytest.approx(0.75, abs=0.01)
    assert not torch.equal(masks["a"], masks["b"])
    again = Dropout(0.25, torch.Generator().manual_seed(0)).masks(["a", "b"], 400, 50)
    assert torch.equal(again["b"], masks["b"])


def test_no_hidden_state(kind, make_config, make_model, tokens):
    model = make_model(make_config(kind))
    assert not list(model.buffers())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for direction in range(model.config.num_directions):
        state = model.zero_state(2)[direction]
        first, carried = model.stacks[direction](tokens, BATCH_SIZES, state)
        second, _ = model.stacks[direction](tokens, BATCH_SIZES, state)
        third, _ = model.stacks[direction](tokens, BATCH_SIZES, carried)
        for a, b, c in zip(first, second, third, strict=True):
            assert torch.equal(a, b)
            assert not torch.equal(a, c)
        assert not any(part.any() for layer in state for part in layer)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_directions_have_their_own_weights(make_config, make_model, tokens):
    model = make_model(make_config("characters"))
    assert len(model.stacks) == 2
    outputs = [model.stacks[d](tokens, BATCH_SIZES, model.zero_state(2)[d])[0][0] for d in (0, 1)]
    assert not torch.equal(*outputs)


def test_encoders(make_config, make_model):
    characters, words = make_model(make_config("characters")), make_model(make_config("words"))
    char_ids = torch.full((3, 50), 260)
    word_ids = torch.tensor([4, 1, 4])
    assert torch.equal(characters.encode(char_ids, None), characters.encoder(char_ids))
    assert torch.equal(words.encode(None, word_ids), words.encoder.weight[word_ids])


def test_tied_softmax(make_config):
    config = make_config("words").model.model_copy(update={"tie_softmax": True})
    model = BiLM(config, 9)
    model.reset_parameters(torch.Generator().manual_seed(0))
    assert model.softmax.weight is model.encoder.weight
    assert "softmax.weight" not in dict(model.named_parameters())
    bound = (6 / (9 + 16)) ** 0.5  # the softmax does not initialize it again
    assert model.encoder.weight.abs().max() <= bound


def test_the_generator_decides_every_parameter(kind, make_config):
    config = make_config(kind).model

    def initialized(seed: int) -> dict[str, Tensor]:
        model = BiLM(config, 9)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(torch.nan)
        model.reset_parameters(torch.Generator().manual_seed(seed))
        return model.state_dict()

    first, again, other = initialized(0), initialized(0), initialized(1)
    for name, value in first.items():
        assert torch.isfinite(value).all(), name
        assert torch.equal(value, again[name]), name
        is_constant = bool((value == value.flatten()[0]).all())
        assert torch.equal(value, other[name]) == is_constant, name


@pytest.mark.skipif(not is_available("int8"), reason="the processor has no products of 8-bit integers")
def test_int8_is_for_the_lstms_and_without_gradients(kind, make_config, make_model):
    model = make_model(make_config(kind))
    rounded = model.in_precision("int8")
    parts = [part for part in rounded.modules() if isinstance(part, HasPrecision)]
    layers = {part for stack in rounded.stacks for part in stack.modules()}
    assert {part.precision for part in parts if part in layers} == {"int8"}
    assert {part.precision for part in parts if part not in layers} <= {"float32"}
    for own, theirs in zip(model.parameters(), rounded.parameters(), strict=True):
        assert own is theirs
    assert rounded.in_precision("int8") is rounded
    assert rounded.for_embedding().precision == "int8"
    assert rounded.without_softmax().precision == "int8"

    ids = torch.arange(6)
    batch = Batch(
        char_ids=torch.randint(200, (6, 50), generator=torch.Generator().manual_seed(0)),
        word_ids=ids,
        inputs=(ids, ids.flip(0)),
        batch_sizes=(2, 2, 2),
    )
    message = r"precision=int8: has no gradients: use float32 or bf16, or compute in torch\.no_grad\(\)"
    with pytest.raises(ElmokitError, match=message):
        rounded(batch)
    with torch.no_grad():
        exact, found = model(batch), rounded(batch)
    assert torch.equal(found.token_vectors, exact.token_vectors)
    assert not torch.equal(found.forward.layers[0], exact.forward.layers[0])
    torch.testing.assert_close(found.forward.layers[0], exact.forward.layers[0], rtol=0, atol=0.1)
    for parameter in rounded.parameters():
        parameter.requires_grad_(False)
    assert torch.equal(rounded(batch).forward.layers[0], found.forward.layers[0])
    vectors = exact.token_vectors.clone().requires_grad_()
    with pytest.raises(ElmokitError, match=message):
        rounded(dataclasses.replace(batch, token_vectors=vectors))


@pytest.mark.skipif(not is_available("bf16"), reason="the processor has no products of bfloat16")
def test_bf16_is_near_float32_and_shares_the_parameters(kind, make_config, make_model):
    model = make_model(make_config(kind))
    rounded = model.in_precision("bf16")
    assert (model.precision, rounded.precision) == ("float32", "bf16")
    assert model.in_precision("float32") is model
    assert rounded.in_precision("bf16") is rounded
    for own, theirs in zip(model.parameters(), rounded.parameters(), strict=True):
        assert own is theirs
    assert rounded.for_embedding().precision == "bf16"
    assert rounded.without_softmax().precision == "bf16"
    assert rounded.on("cpu").precision == "bf16"
    ids = torch.arange(6)
    batch = Batch(
        char_ids=torch.randint(200, (6, 50), generator=torch.Generator().manual_seed(0)),
        word_ids=ids,
        inputs=(ids, ids.flip(0)),
        batch_sizes=(2, 2, 2),
        targets=(ids, ids.flip(0)),
    )
    gradients = []
    for own in (model, rounded):
        output = own(batch)
        assert output.forward.total_loss is not None
        total = sum(part.total_loss for part in output.directions)
        gradients.append((total, torch.autograd.grad(total, list(model.parameters()))))
    (loss, exact), (rounded_loss, found) = gradients
    assert rounded_loss != loss
    torch.testing.assert_close(rounded_loss, loss, rtol=1e-2, atol=0)
    for (name, _), own, theirs in zip(model.named_parameters(), exact, found, strict=True):
        own, theirs = (g.to_dense().flatten() if g.is_sparse else g.flatten() for g in (own, theirs))
        assert torch.cosine_similarity(own, theirs, dim=0) > 0.998 or own.norm() < 1e-6, name

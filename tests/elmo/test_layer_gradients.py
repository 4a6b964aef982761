"""Gradients of the layer, and which parameters are trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit import Elmo, batch_to_ids
from elmokit.data.characters import boundary_rows, char_rows
from elmokit.model.bilm import BiLM

GOLDEN = Path(__file__).parents[1] / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
CLIPPED = GOLDEN / "skip3_tanh"  # small clips, so that values are clipped


def values(elmo: Elmo, *inputs: object) -> Tensor:
    (representation,) = elmo(*inputs)["elmo_representations"]
    return representation.detach()


def plain_layers(model: BiLM, sentence: list[str]) -> list[Tensor]:
    """Return the layers (n + 2, D) of one sentence, computed token by token."""
    encoder = model.encoder
    rows = torch.from_numpy(char_rows([word.encode() for word in sentence], 50))
    begin, end = torch.from_numpy(boundary_rows(50))
    tokens = []
    for row in [begin, *rows, end]:
        characters = encoder.embedding[row]
        pooled = []
        for kernel, bias in zip(encoder.kernels, encoder.biases, strict=True):
            convolved = F.conv1d(characters.t()[None], kernel.permute(2, 1, 0))[0]  # (n, windows)
            pooled.append(convolved.max(dim=1).values + bias)
        features = torch.cat(pooled)
        features = features.relu() if encoder.activation == "relu" else features.tanh()
        for highway in encoder.highways:
            gate = torch.sigmoid(features @ highway.carry + highway.carry_bias)
            transform = torch.relu(features @ highway.transform + highway.transform_bias)
            features = gate * transform + (1 - gate) * features
        tokens.append(features @ encoder.projection + encoder.projection_bias)
    outputs = []
    for direction, stack in enumerate(model.stacks):
        hidden, of_direction = tokens[::-1] if direction else tokens, []
        for k, layer in enumerate(stack):
            cell, state = hidden[0].new_zeros(layer.cell_dim), hidden[0].new_zeros(layer.output_dim)
            next_hidden = []
            for inputs in hidden:
                i, j, f, o = (torch.cat([inputs, state]) @ layer.kernel + layer.bias).chunk(4)
                cell = torch.sigmoid(f + 1.0) * cell + torch.sigmoid(i) * torch.tanh(j)
                if layer.cell_clip is not None:
                    cell = cell.clamp(-layer.cell_clip, layer.cell_clip)
                state = (torch.sigmoid(o) * torch.tanh(cell)) @ layer.projection
                if layer.projection_clip is not None:
                    state = state.clamp(-layer.projection_clip, layer.projection_clip)
                next_hidden.append(state + inputs if k > 0 else state)  # skip connections
            hidden = next_hidden
            of_direction.append(torch.stack(hidden[::-1] if direction else hidden))
        outputs.append(of_direction)
    token_layer = torch.stack(tokens)
    return [
        torch.cat([token_layer, token_layer], dim=1),
        *(torch.cat(pair, dim=1) for pair in zip(*outputs, strict=True)),
    ]


@pytest.mark.parametrize("directory", [MODEL, CLIPPED], ids=["relu", "tanh"])
def test_gradients_of_everything(make, directory):
    """Gradients of all parameters, in double precision, compared with autograd through a plain loop."""
    sentences = [["The", "cat", "sat", "naïve"], [], ["the", "cat"]]
    elmo = make(directory, requires_grad=True).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for mixture in elmo.scalar_mix_0.parameters():
            mixture.uniform_(0.5, 1.5, generator=generator)
    target = torch.rand(3, 4, 32, generator=generator, dtype=torch.float64)
    (representation,) = elmo(batch_to_ids(sentences))["elmo_representations"]
    (representation * target).sum().backward()
    gradients = {name: parameter.grad for name, parameter in elmo.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())

    elmo.zero_grad(set_to_none=True)
    mix = elmo.scalar_mix_0
    weights = torch.softmax(torch.cat(list(mix.scalar_parameters)), dim=0)
    loss = target.new_zeros(())
    for k, sentence in enumerate(sentences):
        layers = plain_layers(elmo.bilm, sentence)
        expected = mix.gamma * sum(weight * layer for weight, layer in zip(weights, layers, strict=True))
        own = representation[k, : len(sentence)].detach()
        torch.testing.assert_close(own, expected[1:-1].detach(), rtol=0, atol=1e-12)
        loss = loss + (expected[1:-1] * target[k, : len(sentence)]).sum()
    loss.backward()
    for name, parameter in elmo.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-9, atol=1e-11, msg=name)


def test_which_parameters_are_trained(make, ids):
    frozen, learning = make(), make(requires_grad=True)
    for elmo in (frozen, learning):
        elmo(ids)["elmo_representations"][0].sum().backward()
    for name, parameter in frozen.named_parameters():
        assert (parameter.grad is not None) == name.startswith("scalar_mix_"), name
    for name, parameter in learning.named_parameters():
        assert parameter.grad is not None, name
    torch.testing.assert_close(values(frozen, ids), values(learning, ids), rtol=0, atol=1e-6)


def test_frozen_layers_keep_nothing_for_gradients(make, ids):
    assert not any(layer.requires_grad for layer in make()._layers(ids, None)[0])
    learning = make(requires_grad=True)
    assert all(layer.requires_grad for layer in learning._layers(ids, None)[0])
    with torch.no_grad():
        assert not any(layer.requires_grad for layer in learning._layers(ids, None)[0])


def test_it_learns(make, ids):
    elmo = make(requires_grad=True)
    optimizer = torch.optim.Adam(elmo.parameters(), lr=0.01)
    target = torch.rand(4, 7, 32, generator=torch.Generator().manual_seed(2))
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        output = elmo(ids)
        loss = ((output["elmo_representations"][0] - target)[output["mask"]] ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]

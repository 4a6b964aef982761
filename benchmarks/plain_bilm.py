"""The biLM written straight down with PyTorch's own layers, to be measured against.

Every token goes through dense convolutions, the LSTM is a loop over time steps under autograd, and the
softmax is ``F.cross_entropy`` over all logits: what one would write without thinking about speed. It
takes its parameters from an elmokit model and computes the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.model.bilm import BiLM
from elmokit.model.char_cnn import CharCnn, Highway
from elmokit.model.lstm.layer import ProjectedLstm


def token_vectors(encoder: CharCnn, char_ids: Tensor) -> Tensor:
    """(N, C) character ids to (N, P)."""
    embedded = F.embedding(char_ids, encoder.embedding).transpose(1, 2)  # (N, E, C)
    pooled = [
        F.conv1d(embedded, kernel.permute(2, 1, 0), bias).amax(dim=2)
        for kernel, bias in zip(encoder.kernels, encoder.biases, strict=True)
    ]
    features = torch.cat(pooled, dim=1)
    features = torch.relu(features) if encoder.activation == "relu" else torch.tanh(features)
    for highway in encoder.highways:
        assert isinstance(highway, Highway)
        gate = torch.sigmoid(features @ highway.carry + highway.carry_bias)
        transform = torch.relu(features @ highway.transform + highway.transform_bias)
        features = gate * transform + (1 - gate) * features
    if encoder.projection is not None and encoder.projection_bias is not None:
        features = features @ encoder.projection + encoder.projection_bias
    return features


def lstm(layer: ProjectedLstm, inputs: Tensor) -> Tensor:
    """(T, B, input_dim) to (T, B, P), from a zero state."""
    cell, hidden = layer.zero_state(inputs.shape[1])
    outputs = []
    for step in inputs:
        i, j, f, o = (torch.cat([step, hidden], dim=1) @ layer.kernel + layer.bias).chunk(4, dim=1)
        cell = torch.sigmoid(f + 1) * cell + torch.sigmoid(i) * torch.tanh(j)
        if layer.cell_clip is not None:
            cell = cell.clamp(-layer.cell_clip, layer.cell_clip)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        if layer.projection is not None:
            hidden = hidden @ layer.projection
        if layer.projection_clip is not None:
            hidden = hidden.clamp(-layer.projection_clip, layer.projection_clip)
        outputs.append(hidden)
    return torch.stack(outputs)


def layers(model: BiLM, direction: int, tokens: Tensor) -> list[Tensor]:
    """The outputs of one direction's LSTM layers, each (T, B, P)."""
    outputs: list[Tensor] = []
    for layer in model.stacks[direction]:  # type: ignore[union-attr]
        output = lstm(layer, tokens)
        if outputs and model.config.lstm.skip_connections:
            output = output + tokens
        outputs.append(output)
        tokens = output
    return outputs


def loss(model: BiLM, char_ids: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean cross-entropy of both directions; ``char_ids`` (T, B, C) and ``targets`` (T, B) for each."""
    assert isinstance(model.encoder, CharCnn)
    assert model.softmax is not None
    losses = []
    for direction, (ids, target) in enumerate(zip(char_ids, targets, strict=True)):
        tokens = token_vectors(model.encoder, ids.flatten(0, 1)).view(*ids.shape[:2], -1)
        top = layers(model, direction, tokens)[-1].flatten(0, 1)
        logits = F.linear(top, model.softmax.weight, model.softmax.bias)
        losses.append(F.cross_entropy(logits, target.flatten()))
    return torch.stack(losses).mean()

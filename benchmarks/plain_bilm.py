"""A plain implementation of the biLM in PyTorch, as a baseline for benchmarks.

Every token goes through dense convolutions, the LSTM is a loop over time steps under autograd, and the
softmax is ``F.cross_entropy`` over the logits of the target and of the candidates: a straightforward
implementation, not optimized for speed. It takes its parameters from an elmokit model and gives the same
results.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.model.bilm import BiLM
from elmokit.model.char_cnn import CharCnn, Highway
from elmokit.model.lstm.reference import reference_lstm
from elmokit.model.softmax import Candidates


def token_vectors(encoder: CharCnn, char_ids: Tensor) -> Tensor:
    """Encode character ids (N, C) as token vectors (N, P)."""
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


def layers(model: BiLM, direction: int, tokens: Tensor) -> list[Tensor]:
    """Return the outputs (T, B, P) of one direction's LSTM layers."""
    outputs: list[Tensor] = []
    for layer in model.stacks[direction]:  # type: ignore[union-attr]
        num_steps, num_rows = tokens.shape[:2]
        packed, _ = reference_lstm(
            tokens.flatten(0, 1), [num_rows] * num_steps, layer.zero_state(num_rows), layer.weights
        )
        output = packed.view(num_steps, num_rows, -1)
        if outputs and model.config.lstm.skip_connections:
            output = output + tokens
        outputs.append(output)
        tokens = output
    return outputs


def loss(model: BiLM, char_ids: list[Tensor], targets: list[Tensor], candidates: list[Candidates]) -> Tensor:
    """Return the mean cross-entropy of the sampled softmax.

    Args:
        model: whose parameters are used.
        char_ids: (T, B, C) of each direction.
        targets: (T, B) of each direction.
        candidates: of each direction.
    """
    assert isinstance(model.encoder, CharCnn)
    losses = []
    for direction, (ids, target, drawn) in enumerate(zip(char_ids, targets, candidates, strict=True)):
        tokens = token_vectors(model.encoder, ids.flatten(0, 1)).view(*ids.shape[:2], -1)
        top = layers(model, direction, tokens)[-1].flatten(0, 1)
        losses.append(_sampled_softmax(model, top, target.flatten(), drawn))
    return torch.stack(losses).mean()


def _sampled_softmax(model: BiLM, top: Tensor, targets: Tensor, candidates: Candidates) -> Tensor:
    """Return the mean cross-entropy of (N,) targets among the candidates, for outputs (N, P)."""
    assert model.softmax is not None
    weight, bias = model.softmax.weight, model.softmax.bias
    ids = torch.from_numpy(candidates.ids)
    corrections = [
        torch.from_numpy(candidates.log_expected_counts(words.numpy())).float() for words in (targets, ids)
    ]
    true_logits = (top * weight[targets]).sum(dim=1) + bias[targets] - corrections[0]
    logits = F.linear(top, weight[ids], bias[ids] - corrections[1])
    logits = logits.masked_fill(targets[:, None] == ids, -torch.inf)  # a target is no negative
    return F.cross_entropy(torch.cat([true_logits[:, None], logits], dim=1), torch.zeros_like(targets))

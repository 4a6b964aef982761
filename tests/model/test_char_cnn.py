"""The character encoder, compared with a dense convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.alphabet import MASK_SYMBOL
from elmokit.config import CharCnnConfig
from elmokit.data.characters import boundary_rows, char_rows
from elmokit.model.char_cnn import CharCnn

MAX_CHARACTERS = 12
FILTERS = ((1, 4), (2, 8), (3, 6), (7, 5), (12, 3))  # the last one is as wide as a row
NUM_FILTERS = 26
CASES = {
    "relu": {"activation": "relu", "num_highway": 2},
    "tanh": {"activation": "tanh", "num_highway": 1},
    "no highway": {"activation": "relu", "num_highway": 0},
}


@pytest.fixture(params=sorted(CASES))
def config(request) -> CharCnnConfig:
    return CharCnnConfig(
        embedding_dim=4, filters=FILTERS, max_characters=MAX_CHARACTERS, **CASES[request.param]
    )


@pytest.fixture(params=[6, NUM_FILTERS], ids=["projected", "not projected"])
def encoder(config, request) -> CharCnn:
    encoder = CharCnn(config, request.param).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return encoder


@pytest.fixture(scope="module")
def char_ids() -> Tensor:
    """Words of all lengths, truncated words, the sentence markers, masked rows, and a repeated word."""
    words = ["", "a", "cat", "aaaaaaaaaa", "naïve", "zzzzzzzzzzzzzzz", "0123456789", "012345678", "cat", "我"]
    rows = torch.from_numpy(char_rows([word.encode() for word in words], MAX_CHARACTERS))
    masked = torch.full((2, MAX_CHARACTERS), MASK_SYMBOL)
    boundaries = torch.from_numpy(boundary_rows(MAX_CHARACTERS))
    generator = torch.Generator().manual_seed(6)
    noise = torch.randint(0, 261, (6, MAX_CHARACTERS), generator=generator)
    return torch.cat([masked[:1], rows, boundaries, masked[1:], noise])


def _dense(encoder: CharCnn, char_ids: Tensor) -> Tensor:
    embedding = torch.cat([encoder.embedding, encoder.embedding.new_zeros(1, encoder.embedding.shape[1])])
    characters = embedding[char_ids].transpose(1, 2)  # (U, E, C)
    features = torch.cat(
        [
            F.conv1d(characters, kernel.permute(2, 1, 0), bias).amax(dim=2)
            for kernel, bias in zip(encoder.kernels, encoder.biases, strict=True)
        ],
        dim=1,
    )
    features = features.relu() if encoder.activation == "relu" else features.tanh()
    for highway in encoder.highways:
        gate = torch.sigmoid(features @ highway.carry + highway.carry_bias)
        transform = torch.relu(features @ highway.transform + highway.transform_bias)
        features = gate * transform + (1 - gate) * features
    if encoder.projection is not None:
        features = features @ encoder.projection + encoder.projection_bias
    return features


def test_equals_a_dense_convolution(encoder, char_ids):
    parameters = list(encoder.parameters())
    vectors, dense = encoder(char_ids), _dense(encoder, char_ids)
    weights = torch.randn(dense.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(vectors, dense, rtol=0, atol=1e-12)
    gradients = torch.autograd.grad((vectors * weights).sum(), parameters)
    dense_gradients = torch.autograd.grad((dense * weights).sum(), parameters)
    for gradient, expected in zip(gradients, dense_gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    has_projection = dense.shape[1] != NUM_FILTERS
    assert (encoder.projection is not None) == has_projection


def test_types_do_not_influence_each_other(encoder, char_ids):
    vectors = encoder(char_ids)
    for k in range(len(char_ids)):
        torch.testing.assert_close(encoder(char_ids[k : k + 1])[0], vectors[k], rtol=0, atol=1e-13)
    order = torch.randperm(len(char_ids), generator=torch.Generator().manual_seed(8))
    torch.testing.assert_close(encoder(char_ids[order]), vectors[order], rtol=0, atol=1e-13)


def test_only_bytes_that_occur_get_a_gradient(encoder, char_ids):
    encoder(char_ids[:4]).sum().backward()
    touched = encoder.embedding.grad.any(dim=1).nonzero().flatten().tolist()
    present = set(char_ids[:4].flatten().tolist()) - {MASK_SYMBOL}
    assert set(touched) <= present
    assert len(touched) > 2


def test_initialization():
    config = CharCnnConfig(embedding_dim=16, filters=((2, 300), (3, 400)), num_highway=1, max_characters=20)
    generator = torch.Generator().manual_seed(0)

    def initialized(activation: str) -> CharCnn:
        encoder = CharCnn(config.model_copy(update={"activation": activation}), 64)
        encoder.reset_parameters(generator)
        return encoder

    relu, tanh = initialized("relu"), initialized("tanh")
    assert 0.99 < relu.embedding.abs().max() <= 1
    assert 0.0499 < relu.kernels[0].abs().max() <= 0.05
    for kernel, width in zip(tanh.kernels, (2, 3), strict=True):
        assert kernel.std().item() == pytest.approx((width * 16) ** -0.5, rel=0.05)
    (highway,) = relu.highways
    assert torch.equal(highway.carry_bias, torch.full((700,), -2.0))
    for values in (highway.carry, highway.transform, relu.projection):
        assert values.std().item() == pytest.approx(700**-0.5, rel=0.05)
    for bias in (*relu.biases, highway.transform_bias, relu.projection_bias):
        assert not bias.any()

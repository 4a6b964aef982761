"""The token encoder of ELMoForManyLangs and large alphabets, compared with a plain implementation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.config import CharCnnConfig, LexiconConfig
from elmokit.model.char_cnn import CharCnn
from elmokit.model.lexicon_encoder import LexiconEncoder

FILTERS = ((1, 4), (2, 7), (5, 33))
NUM_FILTERS, NUM_CHARACTERS, PADDING = 44, 9, 5
# One block of the table; the mask in a second block; several blocks, the last one incomplete.
ALPHABETS = (20, 262, 1000)
PARTS = ("both", "characters", "words")


def char_cnn(activation="relu") -> CharCnnConfig:
    return CharCnnConfig(
        embedding_dim=6, filters=FILTERS, activation=activation, num_highway=1, max_characters=NUM_CHARACTERS
    )


def filled(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    return module


def char_rows(num_symbols: int, num_words: int) -> Tensor:
    """Return words of all lengths."""
    rows = torch.randint(
        0, num_symbols, (num_words, NUM_CHARACTERS), generator=torch.Generator().manual_seed(4)
    )
    for k, row in enumerate(rows):
        row[2 + k % (NUM_CHARACTERS - 1) :] = PADDING
    return rows


def dense(chars: CharCnn, rows: Tensor) -> Tensor:
    embedded = F.embedding(rows, chars.embedding).transpose(1, 2)  # (U, E, C)
    features = torch.cat(
        [
            F.conv1d(embedded, kernel.permute(2, 1, 0), bias).amax(dim=2)
            for kernel, bias in zip(chars.kernels, chars.biases, strict=True)
        ],
        dim=1,
    )
    features = features.relu() if chars.activation == "relu" else features.tanh()
    for highway in chars.highways:
        gate = torch.sigmoid(features @ highway.carry + highway.carry_bias)
        transform = torch.relu(features @ highway.transform + highway.transform_bias)
        features = gate * transform + (1 - gate) * features
    return features


@pytest.mark.parametrize("num_symbols", ALPHABETS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_alphabets_of_any_size(num_symbols, activation):
    chars = filled(CharCnn(char_cnn(activation), NUM_FILTERS, num_symbols).double())
    rows = char_rows(num_symbols, 40)
    rows[0, :3] = torch.tensor([0, num_symbols - 1, num_symbols - 1])
    vectors, expected = chars(rows), dense(chars, rows)
    torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-12)
    weights = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    parameters = list(chars.parameters())
    gradients = torch.autograd.grad((vectors * weights).sum(), parameters)
    expected_gradients = torch.autograd.grad((expected * weights).sum(), parameters)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-10)


@torch.inference_mode()
def test_a_word_of_a_large_alphabet_does_not_depend_on_the_others():
    chars = filled(CharCnn(char_cnn(), NUM_FILTERS, 3000))
    rows = char_rows(3000, 208)
    torch.testing.assert_close(chars(rows)[:16], chars(rows[:16]), rtol=0, atol=0)


def test_only_the_blocks_that_occur_are_multiplied(monkeypatch):
    chars = filled(CharCnn(char_cnn(), NUM_FILTERS, 50_000))
    sizes = []
    einsum = torch.einsum

    def spy(equation, block, kernel):
        sizes.append(len(block))
        return einsum(equation, block, kernel)

    monkeypatch.setattr(torch, "einsum", spy)
    rows = torch.full((8, NUM_CHARACTERS), PADDING)
    rows[3, 2] = 49_999
    chars(rows)
    assert sizes == [262, 262] * len(FILTERS)


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_concatenated_and_projected(part):
    has_words, has_characters = part != "characters", part != "words"
    lexicon = LexiconConfig(
        num_symbols=300 if has_characters else None,
        num_words=50 if has_words else None,
        word_dim=3 if has_words else 0,
    )
    encoder = filled(LexiconEncoder(lexicon, char_cnn() if has_characters else None, 8).double())
    rows = char_rows(300, 20) if has_characters else None
    word_ids = torch.arange(20).flip(0) if has_words else None
    parts = []
    if has_words:
        parts.append(encoder.words[word_ids])
    if has_characters:
        parts.append(dense(encoder.chars, rows))
    expected = torch.cat(parts, dim=1) @ encoder.projection + encoder.projection_bias
    torch.testing.assert_close(encoder(rows, word_ids), expected, rtol=0, atol=1e-12)


def test_there_is_always_a_projection():
    lexicon = LexiconConfig(num_symbols=30)
    encoder = LexiconEncoder(lexicon, char_cnn(), NUM_FILTERS)
    shapes = {name: tuple(parameter.shape) for name, parameter in encoder.named_parameters()}
    assert shapes["projection"] == (NUM_FILTERS, NUM_FILTERS)
    assert shapes["chars.embedding"] == (30, 6)
    assert not {"words", "chars.projection"} & shapes.keys()


def test_every_parameter_is_initialized():
    encoder = LexiconEncoder(LexiconConfig(num_symbols=30, num_words=9, word_dim=4), char_cnn(), 8)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.fill_(torch.nan)
    encoder.reset_parameters(torch.Generator().manual_seed(1))
    values = dict(encoder.named_parameters())
    assert all(torch.isfinite(value).all() for value in values.values())
    assert float(values["projection"].detach().std()) == pytest.approx((4 + NUM_FILTERS) ** -0.5, rel=0.2)

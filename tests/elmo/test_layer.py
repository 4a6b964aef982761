"""Values of the layer, and independence of the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit import Elmo, ElmoEmbedder, batch_to_ids
from elmokit.errors import ConfigError

GOLDEN = Path(__file__).parents[1] / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
CLIPPED = GOLDEN / "skip3_tanh"  # small clips, so that values are clipped
SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    [],
    ["naïve"],
    ["<S>", "我", "</S>", "the-word-of-more-than-fifty-bytes-that-has-to-be-cut-somewhere", "the", "The"],
]


def values(elmo: Elmo, *inputs: object) -> Tensor:
    (representation,) = elmo(*inputs)["elmo_representations"]
    return representation.detach()


@pytest.mark.parametrize("directory", [MODEL, CLIPPED], ids=["relu", "tanh"])
def test_the_average_of_the_layers(make, directory, ids):
    output = make(directory)(ids)
    (representation,) = output["elmo_representations"]
    assert representation.shape == (4, 7, 32)
    assert output["mask"].dtype == torch.bool
    assert output["mask"].sum(dim=1).tolist() == [7, 0, 1, 6]
    vectors = ElmoEmbedder.load(directory).embed(SENTENCES, "average")
    for own, row in zip(vectors, representation.detach().numpy(), strict=True):
        np.testing.assert_allclose(row[: len(own)], own, rtol=0, atol=1e-6)
        assert not row[len(own) :].any()


def test_padding_and_the_batch_do_not_matter(elmo, ids):
    expected = values(elmo, ids)
    longer = F.pad(ids, (0, 0, 0, 5))
    output = elmo(longer)
    assert output["mask"].shape == (4, 12)
    padded = output["elmo_representations"][0].detach()
    assert torch.equal(padded[:, :7], expected)
    assert not padded[:, 7:].any()
    for k, sentence in enumerate(SENTENCES):
        alone = values(elmo, batch_to_ids([sentence]))
        torch.testing.assert_close(alone[0], expected[k, : len(sentence)], rtol=0, atol=1e-6)
    torch.testing.assert_close(values(elmo, ids.flip(0)).flip(0), expected, rtol=0, atol=1e-6)
    assert torch.equal(values(elmo, ids), expected)  # no state is carried


def test_dimensions_before_the_words(elmo, ids):
    expected = values(elmo, ids)
    output = elmo(ids.reshape(2, 2, 7, 50))
    assert output["mask"].shape == (2, 2, 7)
    assert torch.equal(output["elmo_representations"][0].detach(), expected.reshape(2, 2, 7, 32))
    assert torch.equal(values(elmo, ids.reshape(1, 2, 2, 7, 50)), expected.reshape(1, 2, 2, 7, 32))


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (2, 4), (2, 0, 4)])
@pytest.mark.parametrize("keep", [False, True])
def test_batches_without_a_word(make, shape, keep):
    elmo = make(keep_sentence_boundaries=keep, do_layer_norm=True, requires_grad=True)
    output = elmo(torch.zeros(*shape, 50, dtype=torch.int64))
    shape = (*shape[:-1], shape[-1] + 2 * keep)
    assert output["mask"].shape == shape
    assert output["elmo_representations"][0].shape == (*shape, 32)
    assert torch.isfinite(output["elmo_representations"][0]).all()
    if not keep:
        assert not output["elmo_representations"][0].any()
        assert not output["mask"].any()


def test_keep_sentence_boundaries(make, elmo, ids):
    kept = make(keep_sentence_boundaries=True)(ids)
    assert kept["mask"].sum(dim=1).tolist() == [9, 2, 3, 8]
    (representation,) = kept["elmo_representations"]
    representation = representation.detach()
    assert representation.shape == (4, 9, 32)
    assert not representation[~kept["mask"]].any()
    assert representation[kept["mask"]].abs().amax(dim=1).min() > 0.1
    expected = values(elmo, ids)
    for k, sentence in enumerate(SENTENCES):
        assert torch.equal(representation[k, 1 : len(sentence) + 1], expected[k, : len(sentence)])
    layers = ElmoEmbedder.load(MODEL).run(SENTENCES[:1])[0]  # including the markers
    torch.testing.assert_close(representation[0], sum(layers) / 3, rtol=0, atol=1e-6)


def test_layer_norm(make, ids):
    elmo = make(do_layer_norm=True, keep_sentence_boundaries=True)
    layers = [layer.double() for layer in ElmoEmbedder.load(MODEL).run(SENTENCES)[0]]  # of all tokens
    normalized = [(layer - layer.mean()) / layer.std(correction=0) for layer in layers]
    output = elmo(ids)
    actual = output["elmo_representations"][0].detach()
    torch.testing.assert_close(actual[output["mask"]].double(), sum(normalized) / 3, rtol=0, atol=1e-5)
    assert not actual[~output["mask"]].any()  # normalization would change zeros, but padding stays zero
    without = values(make(do_layer_norm=True), ids)
    for k, sentence in enumerate(SENTENCES):
        assert torch.equal(without[k, : len(sentence)], actual[k, 1 : len(sentence) + 1])
        assert not without[k, len(sentence) :].any()


def test_scalar_mix_parameters(make, ids):
    elmo = make(scalar_mix_parameters=[-200.0, 0.0, -200.0])
    assert elmo.scalar_mix_0.weights.tolist() == [0, 1, 0]
    layers = ElmoEmbedder.load(MODEL).embed(SENTENCES, 1)
    torch.testing.assert_close(values(elmo, ids)[0], torch.from_numpy(layers[0]), rtol=0, atol=1e-6)
    assert [name for name, parameter in elmo.named_parameters() if parameter.requires_grad] == []
    with pytest.raises(ConfigError, match=r"expected one number for each of 3 layers, got \[1, 2\]"):
        make(scalar_mix_parameters=[1, 2])


def test_several_representations(make, ids):
    elmo = make(num_output_representations=3, requires_grad=True)
    with torch.no_grad():
        elmo.scalar_mix_1.gamma.fill_(2.0)
        elmo.scalar_mix_2.scalar_parameters[0].fill_(-200.0)
    first, second, third = elmo(ids)["elmo_representations"]
    torch.testing.assert_close(second, 2 * first)
    vectors = ElmoEmbedder.load(MODEL).embed(SENTENCES)
    expected = torch.from_numpy(vectors[0][1:].mean(axis=0))
    torch.testing.assert_close(third[0].detach(), expected, rtol=0, atol=1e-6)
    with pytest.raises(ConfigError, match=r"num_output_representations: expected at least 1, got 0"):
        make(num_output_representations=0)


def test_dropout(make, ids):
    elmo = make(dropout=0.5)
    torch.manual_seed(0)
    dropped, whole = values(elmo, ids), values(elmo.eval(), ids)
    is_dropped = dropped == 0
    assert 0.4 < is_dropped[0].float().mean() < 0.6
    torch.testing.assert_close(dropped[~is_dropped], 2 * whole[~is_dropped])


def test_get_output_dim(elmo):
    assert elmo.get_output_dim() == 32

import numpy as np
import pytest
import torch

from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.features import Features
from elmokit.downstream.input_layer import InputLayer

SENTENCES = [["one", "two", "three"], [], ["two"]]


@pytest.mark.parametrize("fine_tune", [False, True])
def test_layers_are_mixed_and_embeddings_joined(elmo, tmp_path, fine_tune):
    random = RandomEmbedding(dim=4)
    layer = InputLayer([random, elmo], fine_tune=fine_tune)
    batch = Features([random, elmo], SENTENCES, fine_tune=fine_tune, cache_dir=tmp_path / "cache").batch(
        [0, 1, 2]
    )
    joined = layer(batch).detach().numpy()
    assert joined.shape == (3, 3, layer.dim)
    for own, sentence in zip(joined, SENTENCES, strict=True):
        words = len(sentence)
        assert np.array_equal(own[:words, :4], random.vectors([sentence])[0][:, 0])
        # A new mixture is the average.
        np.testing.assert_allclose(own[:words, 4:], elmo.vectors([sentence])[0].mean(axis=1), atol=1e-5)
        assert not own[words:].any()
    assert layer.mixing_weights() == [None, pytest.approx([1 / 3] * 3)]


def test_only_fine_tuning_trains_the_bilm(elmo, tmp_path):
    frozen, tuned = InputLayer([elmo]), InputLayer([elmo], fine_tune=True)
    assert sum(parameter.numel() for parameter in frozen.parameters()) == elmo.num_layers + 1
    batch = Features([elmo], SENTENCES, fine_tune=True, cache_dir=tmp_path / "cache").batch([0, 1, 2])
    tuned(batch).square().sum().backward()
    assert all(parameter.grad is not None for parameter in tuned.parameters() if parameter.requires_grad)
    assert (
        sum(p.numel() for p in tuned.parameters())
        > sum(p.numel() for p in elmo.embedder.model.parameters()) / 2
    )


def test_a_batch_of_one_empty_sentence(elmo, tmp_path):
    for fine_tune in (False, True):
        batch = Features([elmo], [[]], fine_tune=fine_tune, cache_dir=tmp_path / "cache").batch([0])
        assert torch.equal(InputLayer([elmo], fine_tune=fine_tune)(batch), torch.zeros(1, 1, elmo.dim))

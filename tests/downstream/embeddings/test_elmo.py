import numpy as np


def test_vectors_have_the_layers_of_each_token(elmo):
    first, second = elmo.vectors([["a", "b", "c"], []])
    expected = elmo.embedder.embed([["a", "b", "c"]])[0]
    assert first.shape == (3, elmo.num_layers, elmo.dim)
    assert second.shape == (0, elmo.num_layers, elmo.dim)
    for layer in range(elmo.num_layers):
        assert np.array_equal(first[:, layer], expected[layer])
    assert elmo.fingerprint == elmo.embedder.fingerprint

"""The choice of layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit.errors import ConfigError
from elmokit.model.layer_choice import choose_layers


@pytest.mark.parametrize(
    ("layers", "indexes"),
    [
        ("all", (0, 1, 2)),
        ("average", (0, 1, 2)),
        ("top", (2,)),
        (0, (0,)),
        (2, (2,)),
        (-1, (2,)),
        (-3, (0,)),
        (np.int64(1), (1,)),
        (np.uint8(2), (2,)),
    ],
)
def test_layers_to_compute(layers, indexes):
    assert choose_layers(layers, 3).indexes == indexes


@pytest.mark.parametrize("layers", [3, -4, "bottom", 1.5, None, True, False, np.True_, np.float32(1)])
def test_layers_that_do_not_exist(layers):
    with pytest.raises(ConfigError, match=r"layers: expected all, top, average or 0 to 2, got"):
        choose_layers(layers, 3)


@pytest.mark.parametrize("num_layers", [2, 3, 4, 6, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_the_average_is_bit_identical_to_numpy(num_layers, dtype):
    generator = torch.Generator().manual_seed(num_layers)
    layers = [
        (torch.randn(500, 33, generator=generator, dtype=torch.float64) * 10.0 ** (k - 2)).to(dtype)
        for k in range(num_layers)
    ]
    everything = choose_layers("all", num_layers).combine(layers)
    assert everything.shape == (num_layers, 500, 33)
    average = choose_layers("average", num_layers).combine(layers)
    assert average.dtype == everything.dtype == torch.float32
    np.testing.assert_array_equal(average.numpy(), everything.numpy().mean(axis=0))


def test_layers_are_not_modified():
    layers = [torch.full((2, 2), float(k)) for k in (1, 2, 6)]
    assert choose_layers("average", 3).combine(layers).tolist() == [[3.0, 3.0]] * 2
    assert [layer[0, 0].item() for layer in layers] == [1.0, 2.0, 6.0]

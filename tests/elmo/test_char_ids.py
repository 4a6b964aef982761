"""Character ids of sentences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmokit import batch_to_ids
from elmokit.data.characters import boundary_rows, char_rows


def test_batch_to_ids(ids):
    assert ids.shape == (4, 7, 50)
    assert ids.dtype == torch.int64
    expected = char_rows([b"The", b"cat"], 50) + 1
    np.testing.assert_array_equal(ids[0, :2], expected)
    np.testing.assert_array_equal(ids[3, [0, 2]], boundary_rows(50) + 1)
    assert ids[3, 3, 49] == 260  # the end-of-word symbol is in the last position
    assert not ids[1].any()
    assert not ids[2, 1:].any()


@pytest.mark.parametrize(("batch", "shape"), [([], (0, 0, 50)), ([[]], (1, 0, 50)), ([[""]], (1, 1, 50))])
def test_batch_to_ids_of_empty_batches(batch, shape):
    assert batch_to_ids(batch).shape == shape

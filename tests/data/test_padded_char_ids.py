"""Sentences as one array of character ids."""

from __future__ import annotations

import numpy as np

from elmokit.data.characters import boundary_rows, char_rows
from elmokit.data.padded_char_ids import padded_char_ids


def test_ids_are_one_more_than_symbols_and_zero_is_padding():
    ids = padded_char_ids([["<S>", "cat"], [], ["naïve"]], 8, num_steps=3)
    assert ids.shape == (3, 3, 8)
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids[0, 0], boundary_rows(8)[0] + 1)
    np.testing.assert_array_equal(ids[0, 1], char_rows([b"cat"], 8)[0] + 1)
    np.testing.assert_array_equal(ids[2, 0], char_rows(["naïve".encode()], 8)[0] + 1)
    assert not ids[0, 2].any()
    assert not ids[1].any()
    assert not ids[2, 1:].any()


def test_no_sentence():
    assert padded_char_ids([], 50, num_steps=0).shape == (0, 0, 50)

"""Vectors in fewer bytes."""

from __future__ import annotations

import numpy as np
import pytest

from elmokit.errors import OutputError
from elmokit.formats.vector_types import Deviation, stored_as


def test_an_int8_vector_is_off_by_half_a_step_at_most():
    vectors = np.random.default_rng(0).normal(size=(2, 50, 64)).astype(np.float32) * 100
    vectors[0, 3] = 0
    stored = stored_as(vectors, "int8")
    assert stored.values.dtype == np.int8
    assert stored.scales is not None
    np.testing.assert_allclose(stored.scales, np.abs(vectors).max(axis=-1) / 127, rtol=1e-6)
    errors = np.abs(stored.restored() - vectors)
    assert (errors <= stored.scales[..., None] * 0.50001).all()
    np.testing.assert_array_equal(stored.restored()[0, 3], 0)
    deviation = Deviation()
    deviation.add(vectors[0], stored_as(vectors[0], "int8"))
    deviation.add(vectors[1], stored_as(vectors[1], "int8"))
    assert deviation.largest == pytest.approx(errors.max())
    assert deviation.relative == pytest.approx(np.linalg.norm(errors) / np.linalg.norm(vectors), rel=1e-5)


def test_values_beyond_float16_are_refused():
    with pytest.raises(OutputError, match=r"beyond 65,504, the largest of float16"):
        stored_as(np.array([[1e5]], np.float32), "float16")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_a_vector_that_is_not_finite_does_not_change_the_others(kind):
    vectors = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    alone = stored_as(vectors, kind)
    damaged = vectors.copy()
    damaged[0, 1, 2], damaged[1, 0, :2] = np.nan, (np.inf, -np.inf)
    stored = stored_as(damaged, kind)
    is_damaged = ~np.isfinite(damaged).all(axis=-1)
    assert (np.isfinite(stored.restored()).all(axis=-1) == ~is_damaged).all()
    np.testing.assert_array_equal(stored.restored()[~is_damaged], alone.restored()[~is_damaged])
    found, expected = Deviation(), Deviation()
    found.add(damaged, stored)
    expected.add(vectors[~is_damaged], stored_as(vectors[~is_damaged], kind))
    assert (found.largest, found.relative) == pytest.approx((expected.largest, expected.relative))
    assert found.relative > 0


def test_a_value_beyond_float16_beside_an_infinite_one_is_refused():
    with pytest.raises(OutputError, match="beyond 65,504"):
        stored_as(np.array([[np.inf, 1.0], [1.0, 70_000.0]], np.float32), "float16")

"""Triton's sums of rows and optimizer updates, compared with the same formulas in float64."""

from __future__ import annotations

import pytest
import torch

SHAPES = [(40, 7), (40,)]


def _rows(shape: tuple[int, ...], device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return sorted ids with many repetitions, their order, and values."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.cat([torch.full((20,), shape[0] // 2), torch.randint(shape[0], (30,), generator=generator)])
    ids, order = ids[torch.randperm(50, generator=generator)].sort(stable=True)
    values = torch.randn(50, *shape[1:], generator=generator)
    return ids.to(device), order.to(device), values.to(device)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_with_the_same_number_are_summed(shape, triton_device):
    from elmokit.kernels.cuda.rows import sum_sorted_rows

    ids, order, values = _rows(shape, triton_device)
    sums = sum_sorted_rows(ids, order, values)
    expected = torch.zeros(shape, dtype=torch.float64, device=triton_device)
    expected.index_add_(0, ids, values[order].double())
    is_first = torch.ones_like(ids, dtype=torch.bool)
    is_first[1:] = ids[1:] != ids[:-1]
    torch.testing.assert_close(sums[is_first].double(), expected[ids[is_first]], rtol=1e-5, atol=1e-5)
    assert not sums[~is_first].any()


@pytest.mark.parametrize("by_row", [True, False], ids=["rows", "whole"])
@pytest.mark.parametrize("shape", [*SHAPES, (3, 700)], ids=str)
def test_adagrad(shape, by_row, triton_device):
    from elmokit.kernels.cuda import rows as kernels

    values, gradient, ids, expected_gradient = _update_case(shape, by_row, triton_device)
    squares = torch.rand_like(values) + 0.5
    g = expected_gradient
    expected_squares = squares.double() + g * g
    expected = values.double() - 0.2 * g / expected_squares.sqrt()
    kernels.adagrad(values, squares, gradient, ids, learning_rate=0.2)
    torch.testing.assert_close(squares.double(), expected_squares, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("by_row", [True, False], ids=["rows", "whole"])
def test_adam(by_row, triton_device):
    from elmokit.kernels.cuda import rows as kernels

    values, gradient, ids, g = _update_case((40, 7), by_row, triton_device)
    first, second = torch.randn_like(values) * 0.1, torch.rand_like(values)
    touched = torch.ones_like(values, dtype=torch.bool)
    if ids is not None:
        touched[:] = False
        touched[ids] = True
    expected_first = torch.where(touched, 0.9 * first.double() + 0.1 * g, first.double())
    expected_second = torch.where(touched, 0.98 * second.double() + 0.02 * g * g, second.double())
    step = 0.01 / 0.4 * expected_first / ((expected_second / 0.2).sqrt() + 6e-4)
    expected = torch.where(touched, values.double() - step, values.double())
    kernels.adam(
        values,
        first,
        second,
        gradient,
        ids,
        learning_rate=0.01,
        betas=(0.9, 0.98),
        shares=(0.4, 0.2),
        epsilon=6e-4,
    )
    for one, other in ((first, expected_first), (second, expected_second), (values, expected)):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-6)


def _update_case(shape, by_row, device):
    """Return values, a gradient, its row numbers, and the gradient as a whole in float64."""
    from elmokit.kernels.cuda.rows import sum_sorted_rows

    values = torch.randn(shape, generator=torch.Generator().manual_seed(4)).to(device)
    if not by_row:
        gradient = torch.randn(shape, generator=torch.Generator().manual_seed(5)).to(device)
        return values, gradient, None, gradient.double()
    ids, order, rows = _rows(shape, device)
    whole = torch.zeros(shape, dtype=torch.float64, device=device)
    return values, sum_sorted_rows(ids, order, rows), ids, whole.index_add_(0, ids, rows[order].double())

"""Values of packed steps: those of the step before, and the last ones of each row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def step_before(values: Tensor, batch_sizes: Sequence[int], before: Tensor) -> Tensor:
    """Return, for each packed position, the value (N, ·) of its row one step earlier."""
    earlier = [before, *values.split(batch_sizes)[:-1]]
    return torch.cat([step[:num_rows] for step, num_rows in zip(earlier, batch_sizes, strict=True)])


def last_of_each_row(values: Tensor, batch_sizes: Sequence[int], before: Tensor) -> Tensor:
    """Return the value (B, ·) of each row at its last step, or in ``before`` if the row has no step."""
    last = before.clone()
    for step, num_rows, num_continuing in zip(
        values.split(batch_sizes), batch_sizes, (*batch_sizes[1:], 0), strict=True
    ):
        if num_continuing < num_rows:
            last[num_continuing:num_rows] = step[num_continuing:]
    return last

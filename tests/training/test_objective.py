"""The loss of a training batch and the randomness in it."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(("share", "seed"), [(0.5, 0), (0.5, 1), (0.2, 2), (0.0, 0)])
def test_as_many_rows_are_reset_as_the_generator_says(make_trainer, share, seed):
    trainer = make_trainer(state_reset=share, seed=seed, batch_size=12, num_negatives=0)
    state = trainer.training_state
    batch = next(iter(trainer.stream))
    trainer.train_step(batch)
    expected = np.random.default_rng(seed)
    if share:
        expected.random(12)  # of the first step
    is_reset = expected.random(12) < share if share else np.zeros(12, bool)
    seen = []
    reset_rows = state.carried.reset_rows
    state.carried.reset_rows = lambda keeps: (seen.append(keeps), reset_rows(keeps))[1]
    list(state.objective.losses(batch, state.carried))
    assert len(seen) == bool(share)
    if share:
        np.testing.assert_array_equal(~seen[0], is_reset)
        cells = state.carried.values[0][0].cell
        assert (cells.abs().sum(dim=1) == 0).tolist() == is_reset.tolist()
        assert 0 < is_reset.sum() < 12


def test_the_loss_is_the_mean_of_both_directions_mean_losses(make_trainer):
    trainer = make_trainer(state_reset=0.0, dropout=0.0, num_negatives=0)
    batch = next(iter(trainer.stream))
    ((loss, output),) = trainer.training_state.objective.losses(batch, trainer.training_state.carried)
    expected = np.mean([direction.losses.mean().item() for direction in output.directions])
    assert loss.item() == pytest.approx(expected, rel=1e-6)

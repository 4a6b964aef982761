import numpy as np
import pytest
import torch
from torch import nn

from elmokit.downstream.fit_settings import FitSettings
from elmokit.downstream.fitting import fit
from elmokit.downstream.seeding import seeded
from elmokit.errors import ElmokitError

INPUTS = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32))
TARGETS = INPUTS @ torch.tensor([1.0, -2.0, 0.5])
LENGTHS = np.arange(40) % 7


def run(settings, scores=None, on_epoch=lambda model: None, **kwargs):
    with seeded(settings.seed):
        model = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 1))

    def loss(rows):
        assert model.training
        return nn.functional.mse_loss(model(INPUTS[list(rows)]).squeeze(1), TARGETS[list(rows)])

    def dev_score():
        assert not model.training
        if scores is not None:
            return next(scores)
        return -float(nn.functional.mse_loss(model(INPUTS).squeeze(1), TARGETS).detach())

    epochs = []
    for epoch in fit(model, loss, LENGTHS, dev_score, settings, **kwargs):
        epochs.append(epoch)
        on_epoch(model)
    return model, epochs


def test_a_linear_model_is_learned():
    model, epochs = run(FitSettings(learning_rate=0.05, batch_size=8, max_epochs=40))
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert torch.allclose(model[1].weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=0.3)


def test_it_stops_early_and_keeps_the_best_weights():
    weights = []
    model, epochs = run(
        FitSettings(patience=2),
        iter([1.0, 3.0, 2.0, 3.0, 9.0]),
        lambda model: weights.append(model[1].weight.detach().clone()),
    )
    assert [epoch.is_best for epoch in epochs] == [True, True, False, False]
    assert torch.equal(model[1].weight, weights[1])
    assert not torch.equal(weights[1], weights[3])


def test_every_sentence_is_seen_once_an_epoch_in_batches():
    steps = []
    run(FitSettings(batch_size=16, max_epochs=1), on_step=steps.append)
    assert sorted(steps) == [8, 16, 16]


def test_a_run_does_not_depend_on_random_numbers_of_others_nor_change_them():
    settings = FitSettings(max_epochs=4)
    before = torch.get_rng_state()
    alone, _ = run(settings)
    assert torch.equal(torch.get_rng_state(), before)
    disturbed, _ = run(settings, None, lambda model: torch.rand(7))
    assert torch.equal(alone[1].weight, disturbed[1].weight)
    other, _ = run(settings.model_copy(update={"seed": 2}))
    assert not torch.equal(alone[1].weight, other[1].weight)


def test_a_loss_that_is_not_finite_is_one_error():
    model = nn.Linear(1, 1)
    with pytest.raises(ElmokitError, match="the loss is nan"):
        next(
            fit(
                model,
                lambda rows: model(torch.tensor([torch.nan])).sum(),
                LENGTHS,
                lambda: 0.0,
                FitSettings(),
            )
        )


def test_the_bilm_has_a_learning_rate_of_its_own(elmo, tmp_path):
    from elmokit.downstream.features import Features
    from elmokit.downstream.input_layer import InputLayer

    layer = InputLayer([elmo], fine_tune=True)
    before = {name: value.detach().clone() for name, value in layer.named_parameters()}
    data = Features([elmo], [["a", "b"]], fine_tune=True, cache_dir=tmp_path / "cache")
    settings = FitSettings(learning_rate=0.01, elmo_learning_rate=0.001, max_epochs=1)
    list(fit(layer, lambda rows: layer(data.batch(rows)).pow(2).sum(), np.array([2]), lambda: 0.0, settings))
    for name, value in layer.named_parameters():
        largest = float((value - before[name]).detach().abs().max())
        # The first step of Adam is the learning rate in every parameter that has a gradient.
        assert largest == pytest.approx(0.01 if "scalar_mix" in name else 0.001, rel=0.1), name

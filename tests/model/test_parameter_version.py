"""Whether changes of parameters are noticed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elmokit.model.parameter_version import parameter_version


def _optimizer_step(module: nn.Linear) -> None:
    module.weight.grad = torch.ones(2, 3)
    torch.optim.SGD([module.weight]).step()


def _fused_step(module: nn.Linear) -> None:
    module.weight.grad = torch.ones(2, 3)
    torch.optim.Adam([module.weight], fused=True).step()


def _write_through_numpy(module: nn.Linear) -> None:
    module.weight.detach().numpy()[:] = 3


def _replace_parameter(module: nn.Linear) -> None:
    module.weight = nn.Parameter(torch.ones(2, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda module: module.load_state_dict({"weight": torch.ones(2, 3)}),
        lambda module: module.load_state_dict({"weight": torch.ones(2, 3)}, assign=True),
        lambda module: module.weight.detach().mul_(2),
        lambda module: module.weight.detach()[0].zero_(),
        lambda module: setattr(module.weight, "data", torch.ones(2, 3)),
        lambda module: module.weight.data.mul_(0.5),
        lambda module: module.double(),
        _fused_step,
        _write_through_numpy,
        _optimizer_step,
        _replace_parameter,
    ],
)
def test_any_change_of_parameters_has_another_version(change):
    module = nn.Linear(3, 2, bias=False)
    before = parameter_version(module)
    assert parameter_version(module) == before
    module(torch.ones(1, 3)).sum().backward()
    assert parameter_version(module) == before
    change(module)
    assert parameter_version(module) != before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_change_of_all_values_of_a_large_parameter_is_noticed(dtype):
    module = nn.Linear(1001, 300, dtype=dtype)
    before = parameter_version(module)
    module.weight.data.add_(1)
    after = parameter_version(module)
    assert after[0][:3] == before[0][:3]  # PyTorch has not noticed
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_modules_without_values():
    assert parameter_version(nn.ReLU()) == ()
    assert len(parameter_version(nn.ParameterList([torch.zeros(0, 3)]))) == 1


def test_parameters_made_in_inference_mode_have_a_version():
    with torch.inference_mode():
        assert len(parameter_version(nn.Linear(3, 2))) == 2

"""When Triton's kernels are used."""

from __future__ import annotations

import importlib

import pytest
import torch

from elmokit.errors import ElmokitWarning
from elmokit.kernels.cuda import availability


@pytest.fixture(autouse=True)
def asked_anew():
    """What is known of a device is forgotten before and after a test."""
    availability._works.cache_clear()
    yield
    availability._works.cache_clear()


def test_a_cpu_has_none():
    assert not availability.can_launch(torch.zeros(2))
    assert not availability.can_launch()


def test_only_plain_tensors_of_float32(triton_device):
    values = torch.zeros(2, device=triton_device)
    assert availability.can_launch(values, None)
    assert not availability.can_launch(values.double())
    assert not availability.can_launch(values, torch.zeros(2, device="meta"))


def test_they_can_be_switched_off(triton_device, monkeypatch):
    monkeypatch.setenv("ELMOKIT_TRITON", "0")
    assert not availability.can_launch(torch.zeros(2, device=triton_device))


def test_a_kernel_that_cannot_be_built_is_said_in_one_line(triton_device, monkeypatch):
    def import_module(_: str) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify one.")

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.warns(ElmokitWarning, match="Triton cannot build kernels here") as caught:
        assert not availability.can_launch(torch.zeros(2, device=triton_device))
    assert "C compiler.): PyTorch's" in str(caught[0].message)

"""Finding a device by name."""

from __future__ import annotations

import pytest
import torch

from elmokit.errors import ConfigError
from elmokit.model.device import find_device


@pytest.mark.parametrize("name", ["cpu", "cpu:0", torch.device("cpu")])
def test_a_device(name):
    assert find_device(name).type == "cpu"


NO_DEVICES = ["mps", "gpu", "meta", "nonsense", "", "CPU", "cuda:77", "xla", "hpu", "privateuseone", 3, None]


@pytest.mark.parametrize("name", NO_DEVICES)
def test_no_device(name, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError) as error:
        find_device(name)
    assert str(error.value) == f"device={name}: not available here: expected auto, cpu"


def test_the_message_names_what_is_available(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=r"expected auto, cpu, cuda, cuda:0, cuda:1, mps$"):
        find_device("gpu")

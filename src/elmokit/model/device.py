"""Finding a device by name."""

from __future__ import annotations

import torch

from elmokit.errors import ConfigError


def find_device(name: str | torch.device) -> torch.device:
    """Return the device with the given name; ``auto`` is CUDA if available, otherwise the CPU.

    Raises:
        ConfigError: if there is no such device; the message names those that there are.
    """
    if isinstance(name, str) and name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shown = name if isinstance(name, str | torch.device | int | float | None) else type(name).__name__
    problem = f"device={shown}: not available here: expected {', '.join(_available())}"
    if not isinstance(name, str | torch.device):
        raise ConfigError(problem)
    try:
        device = torch.empty(0, device=name).device
    except Exception:  # each kind of device that PyTorch does not have here has an error of its own
        raise ConfigError(problem) from None
    if device.type == "meta":  # its tensors have no values
        raise ConfigError(problem)
    return device


def _available() -> list[str]:
    names = ["auto", "cpu"]
    if num_gpus := torch.cuda.device_count():
        names += ["cuda", *(f"cuda:{number}" for number in range(num_gpus))]
    if torch.backends.mps.is_available():
        names.append("mps")
    if torch.xpu.is_available():
        names.append("xpu")
    return names

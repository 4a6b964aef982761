"""Finding a device by name."""

from __future__ import annotations

import torch

from elmokit.errors import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device with the given name; ``auto`` is CUDA if available, otherwise the CPU.

    Raises:
        ConfigError: if there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device={name}: not available here ({str(error).splitlines()[0]})") from None

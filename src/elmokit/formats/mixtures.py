"""The learned mixtures of an ELMo layer, ``mixtures.json`` of a model directory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmokit.errors import ModelFileError
from elmokit.files.json_table import read_json_table

MIXTURES_FILE = "mixtures.json"


@dataclass(frozen=True)
class Mixture:
    """The numbers that an ELMo layer has learned for one of its representations."""

    scalar_parameters: tuple[float, ...]
    """One number per layer of the biLM; their softmax weights the layers."""
    gamma: float
    """What the weighted sum is multiplied by."""


@dataclass(frozen=True)
class Mixtures:
    """The mixtures of an ELMo layer, one for each of its representations."""

    mixtures: tuple[Mixture, ...]
    do_layer_norm: bool
    """Whether they were learned on normalized layers."""

    def save(self, path: Path) -> None:
        """Write the mixtures as JSON, to the bit."""
        values = {
            "do_layer_norm": self.do_layer_norm,
            "mixtures": [
                {"scalar_parameters": list(mixture.scalar_parameters), "gamma": mixture.gamma}
                for mixture in self.mixtures
            ],
        }
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, num_layers: int) -> Mixtures:
        """Read a file that :meth:`save` has written.

        Args:
            path: the file.
            num_layers: number of layers of the model, with the token layer.

        Raises:
            ModelFileError: when the file is missing or damaged, or does not match the model.
        """
        values = read_json_table(path)
        stored, do_layer_norm = values.get("mixtures"), values.get("do_layer_norm")
        if not isinstance(stored, list) or not stored or not isinstance(do_layer_norm, bool):
            raise ModelFileError(f"{path}: expected mixtures (a list) and do_layer_norm (true or false)")
        return cls(tuple(_mixture(path, k, item, num_layers) for k, item in enumerate(stored)), do_layer_norm)


def _mixture(path: Path, index: int, values: Any, num_layers: int) -> Mixture:
    parameters = values.get("scalar_parameters") if isinstance(values, Mapping) else None
    gamma = values.get("gamma") if isinstance(values, Mapping) else None
    if not (
        isinstance(parameters, list)
        and len(parameters) == num_layers
        and all(map(_is_number, parameters))
        and _is_number(gamma)
    ):
        raise ModelFileError(
            f"{path}: mixtures.{index}: expected scalar_parameters, one number for each of {num_layers} "
            f"layers, and gamma, got {values!r}"
        )
    return Mixture(tuple(map(float, parameters)), float(gamma))  # type: ignore[arg-type]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= 1e9

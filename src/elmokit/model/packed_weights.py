"""Matrices in the layout of the kernels, kept while their parameters stay the same."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from elmokit.kernels.matrices import PackedMatrix
from elmokit.kernels.precisions import Precision
from elmokit.model.parameter_version import tensor_versions


class PackedWeights:
    """What a layer has packed for inference. Copies and pickles of the layer start without it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, PackedMatrix]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[PackedWeights], tuple[()]]:
        return PackedWeights, ()

    def get(
        self, name: str, parameter: Tensor, precision: Precision, pack: Callable[[], PackedMatrix]
    ) -> PackedMatrix:
        """Return what ``pack`` returns; in inference mode it is called only when the parameter has changed.

        Args:
            name: of what is packed.
            parameter: from which it is packed.
            precision: of what is packed.
            pack: packs it.
        """
        if not torch.is_inference_mode_enabled():  # in training the weights change with every step
            return pack()
        version = (precision, tensor_versions([parameter]))
        with self._lock:  # groups of rows use the same layer at the same time
            if name not in self._kept or self._kept[name][0] != version:
                self._kept[name] = version, pack()
            return self._kept[name][1]

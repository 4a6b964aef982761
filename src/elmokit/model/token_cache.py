"""Token vectors that are kept from call to call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

ParameterVersion: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""For each parameter: which tensor it is, where its values are, how often they were changed in place, and a
hash of some of them."""

_MAX_COMPARED = 256  # values of a parameter


def parameter_version(module: nn.Module) -> ParameterVersion:
    """Return what changes whenever the parameters of a module are changed or replaced.

    Fused optimizers, ``parameter.data`` and NumPy change values behind PyTorch's back. They are noticed by
    values at even distances in each parameter, which a change of a few values only may miss.
    """
    parameters = list(module.parameters())
    return tuple(
        # Tensors made in inference mode have no version, because they cannot be changed outside it.
        (id(parameter), parameter.data_ptr(), 0 if parameter.is_inference() else parameter._version, compared)
        for parameter, compared in zip(parameters, _hashes_of_values(parameters), strict=True)
    )


def _hashes_of_values(parameters: Sequence[Tensor]) -> list[int]:
    """Return a hash of values at even distances in each parameter."""
    if not parameters:
        return []
    compared = []
    for parameter in parameters:
        values = parameter.detach().flatten()
        widest = torch.float32 if values.device.type == "mps" else torch.float64  # which mps does not have
        compared.append(values[:: -(-len(values) // _MAX_COMPARED) or 1].to(widest))
    numbers = torch.cat(compared).cpu().numpy()  # one transfer from an accelerator
    ends = itertools.accumulate(map(len, compared))
    return [hash(numbers[end - len(own) : end].tobytes()) for own, end in zip(compared, ends, strict=True)]


class TokenCache:
    """Token vectors of words, computed when first requested and kept up to a number of word types.

    A word type always has the same token vector, so the encoder need not run again for a word that has been
    seen before, until the encoder's parameters change.

    Args:
        table: precomputed vectors (P,) by word, used instead of the encoder.
        max_types: number of word types to keep; the cache is emptied when it would hold more.
        device: the device of the vectors.
    """

    def __init__(self, table: Mapping[str, Tensor], *, max_types: int, device: torch.device) -> None:
        self._table = table
        self._max_types = max_types
        self._device = device
        self._vectors: dict[str, Tensor] = {}
        self._version: ParameterVersion = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: not the vectors, which can be computed again."""
        return {**self.__dict__, "_vectors": {}, "_version": ()}

    def __len__(self) -> int:
        """Return the number of word types in the cache."""
        return len(self._vectors)

    def vectors(
        self,
        words: Sequence[str],
        encode: Callable[[Sequence[str]], Tensor],
        version: ParameterVersion = (),
    ) -> Tensor:
        """Return the vectors (len(words), P) of words.

        Args:
            words: at least one word.
            encode: computes the vectors (U, P) of distinct words that are not in the cache.
            version: of the encoder's parameters; when it changes, the cache is emptied.
        """
        if version != self._version:
            self._vectors.clear()
            self._version = version
        missing = [word for word in dict.fromkeys(words) if word not in self._vectors]
        if len(self._vectors) + len(missing) > self._max_types:
            self._vectors.clear()
            missing = list(dict.fromkeys(words))
        for word in missing:
            if word in self._table:
                self._vectors[word] = self._table[word].to(self._device)
        missing = [word for word in missing if word not in self._vectors]
        if missing:
            # Copies: a row of the result would keep all of it in memory.
            vectors = [vector.clone() for vector in encode(missing)]
            self._vectors.update(zip(missing, vectors, strict=True))
        return torch.stack([self._vectors[word] for word in words])

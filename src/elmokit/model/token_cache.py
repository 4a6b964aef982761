"""Token vectors that are kept from call to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from elmokit.model.parameter_version import ParameterVersion


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

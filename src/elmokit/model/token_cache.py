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
        self._row_of: dict[str, int] = {}
        self._vectors: Tensor | None = None  # (·, P), with room for more rows
        self._version: ParameterVersion = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: not the vectors, which can be computed again."""
        return {**self.__dict__, "_row_of": {}, "_vectors": None, "_version": ()}

    def __len__(self) -> int:
        """Return the number of word types in the cache."""
        return len(self._row_of)

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
            self._row_of.clear()
            self._version = version
        missing = [word for word in dict.fromkeys(words) if word not in self._row_of]
        if len(self._row_of) + len(missing) > self._max_types:
            self._row_of.clear()
            missing = list(dict.fromkeys(words))
        if missing:
            self._add(missing, encode)
        assert self._vectors is not None
        rows = torch.tensor([self._row_of[word] for word in words])
        return self._vectors[rows.to(self._device, non_blocking=True)]

    def _add(self, words: Sequence[str], encode: Callable[[Sequence[str]], Tensor]) -> None:
        """Keep the vectors of further words."""
        known = [word for word in words if word in self._table]
        others = [word for word in words if word not in self._table]
        parts = [torch.stack([self._table[word] for word in known]).to(self._device)] if known else []
        parts += [encode(others)] if others else []
        vectors = torch.cat(parts)
        start, end = len(self._row_of), len(self._row_of) + len(vectors)
        if self._vectors is None or end > len(self._vectors):
            kept = vectors[:0] if self._vectors is None else self._vectors[:start]
            self._vectors = vectors.new_empty(max(end, 2 * len(kept)), *vectors.shape[1:])
            self._vectors[:start] = kept
        self._vectors[start:end] = vectors
        self._row_of.update(zip([*known, *others], range(start, end), strict=True))

"""The model's input: the ids of one window of sentences."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from elmokit.arguments import described
from elmokit.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The input of :class:`~elmokit.model.bilm.BiLM`: each distinct word type once, and where it occurs.

    Positions are packed as in :class:`torch.nn.utils.rnn.PackedSequence`: time step after time step, and at
    each step the rows that still have a token, longest row first. In training every row is full, so all
    ``batch_sizes`` are B and a direction's positions form a (T, B) array. The backward direction is given in
    reading order, last token first.

    Word types are given either as ids for the encoder or as precomputed token vectors.
    """

    inputs: tuple[Tensor, ...]
    """One (N,) int64 tensor per direction: the word type at each position, as a row of the type table."""
    batch_sizes: tuple[int, ...]
    """Number of rows at each time step, never increasing; they sum to N."""
    char_ids: Tensor | None = None
    """(U, C) int64 symbols of the types, for a model that reads characters."""
    word_ids: Tensor | None = None
    """(U,) int64 ids of the types, for a model with word embeddings."""
    token_vectors: Tensor | None = None
    """(U, P) vectors of the types, instead of ids."""
    targets: tuple[Tensor, ...] | None = None
    """One (N,) int64 tensor per direction: vocabulary ids to predict; None if nothing is predicted."""

    def __repr__(self) -> str:
        names = ("char_ids", "word_ids", "token_vectors")
        given = ((name, getattr(self, name)) for name in names)
        types = [f"{name} {tuple(values.shape)}" for name, values in given if values is not None]
        return (
            f"Batch({sum(self.batch_sizes)} positions in {len(self.batch_sizes)} steps, "
            f"{len(self.inputs)} directions, {', '.join(types)}{', targets' if self.targets else ''})"
        )

    def to(self, device: torch.device | str) -> Self:
        """Return the batch with all its tensors on ``device``.

        Raises:
            ConfigError: If it is no device.
        """
        try:
            device = torch.device(device)
        except (TypeError, RuntimeError):
            raise ConfigError(
                f"device: expected a device such as cpu or cuda, got {described(device)}"
            ) from None
        return replace(
            self, **{field.name: _moved(getattr(self, field.name), device) for field in fields(self)}
        )


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        if device.type == "cuda" and not value.is_cuda:
            value = value.pin_memory()  # otherwise the copy would wait for the device
        # Nothing waits for a copy to the host, so it may only be left running in the other direction.
        return value.to(device, non_blocking=not value.is_cuda)
    if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
        return tuple(_moved(tensor, device) for tensor in value)
    return value

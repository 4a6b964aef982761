"""One direction of a biLM reading some rows of a batch: a task for a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elmokit.model.lstm.interface import LstmState
from elmokit.model.parallel import Task
from elmokit.model.row_groups import RowGroup
from elmokit.model.softmax import Candidates, Softmax
from elmokit.model.stack import DirectionState, DropoutMasks, LstmStack


class DirectionOutput(NamedTuple):
    """The output of one direction of a biLM for a batch of N positions."""

    layers: tuple[Tensor, ...]
    """(N, P) outputs of the LSTM layers, bottom first, in the direction's reading order."""
    total_loss: Tensor | None
    """Sum of the cross-entropies in nats, differentiable; None for a batch without targets."""
    losses: Tensor | None
    """(N,) cross-entropy of each position in nats, without gradient; None for a batch without targets."""

    @property
    def hidden(self) -> Tensor:
        """The top layer (N, P), from which the softmax predicts."""
        return self.layers[-1]


@dataclass(frozen=True)
class Reading:
    """What one direction reads: the token vectors of all rows of a batch, and what it predicts."""

    stack: LstmStack
    types: Tensor
    """(N,) the word type at each position."""
    state: DirectionState
    targets: Tensor | None
    """(N,) word ids to predict."""
    softmax: Softmax | None
    """Only needed with targets."""
    candidates: Candidates | None
    dropout: DropoutMasks | None
    num_layers: int | None

    def task(self, vectors: Tensor, group: RowGroup) -> Task:
        """Return the task of reading a group of rows, given the token vectors (U, P) of all types."""

        def read(vectors: Tensor) -> tuple[Tensor, ...]:
            tokens = F.embedding(group.select(self.types), vectors)  # (n, P)
            state = [LstmState(*(part[group.rows] for part in layer)) for layer in self.state]
            masks = self.dropout and {name: group.select(mask) for name, mask in self.dropout.items()}
            layers, new_state = self.stack(
                tokens, group.batch_sizes, state, masks, num_layers=self.num_layers
            )
            losses: tuple[Tensor, ...] = ()
            if self.targets is not None and self.softmax is not None:
                losses = self.softmax(layers[-1], group.select(self.targets), self.candidates)
            return (*losses, *layers, *(part for layer in new_state for part in layer))

        parameters = list(self.stack.parameters())
        if self.softmax is not None and self.targets is not None:
            parameters += self.softmax.parameters()
        constants = [self.types, *(part for layer in self.state for part in layer)]
        constants += [] if self.targets is None else [self.targets]
        constants += [] if self.dropout is None else self.dropout.values()
        return Task(read, (vectors,), tuple(parameters), tuple(constants))

    def join(
        self, groups: Sequence[RowGroup], results: Sequence[tuple[Tensor, ...]]
    ) -> tuple[DirectionOutput, DirectionState]:
        """Return the output and the new state from the results of the groups' tasks."""
        columns = [list(column) for column in zip(*results, strict=True)]
        total_loss = losses = None
        if self.targets is not None:
            total_loss = torch.stack(columns.pop(0)).sum()
            losses = _in_order(groups, columns.pop(0))
        num_layers = len(columns) // 3  # each has an output, a cell and a hidden state
        layers = [_in_order(groups, column) for column in columns[:num_layers]]
        parts = iter(columns[num_layers:])
        state = [
            LstmState(*(_replaced(before, groups, next(parts)) for before in layer))
            for layer in self.state[:num_layers]
        ]
        return DirectionOutput(tuple(layers), total_loss, losses), state


def _in_order(groups: Sequence[RowGroup], parts: Sequence[Tensor]) -> Tensor:
    """Return the values of all positions (N, ...) from those of each group."""
    positions = [group.positions for group in groups if group.positions is not None]
    if not positions:
        return parts[0]
    return torch.cat(list(parts))[torch.argsort(torch.cat(positions)).to(parts[0].device)]


def _replaced(before: Tensor, groups: Sequence[RowGroup], parts: Sequence[Tensor]) -> Tensor:
    """Return a state part (B, ...) with the rows of all groups replaced."""
    if len(parts) == 1 and len(parts[0]) == len(before):
        return parts[0]
    new = before.clone()
    for group, part in zip(groups, parts, strict=True):
        new[group.rows] = part
    return new

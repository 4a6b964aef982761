"""Everything that changes during training, as one checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elmokit.data.read_ahead import ReadAhead
from elmokit.data.training_stream import TrainingStream
from elmokit.formats.checkpoint import Checkpoint
from elmokit.model.bilm import BiLM
from elmokit.training.carried_state import CarriedState
from elmokit.training.counters import Counters
from elmokit.training.objective import Objective
from elmokit.training.optimizer import RowOptimizer
from elmokit.training.recent import Recent
from elmokit.training.schedule import LearningRateSchedule


@dataclass(frozen=True)
class TrainingState:
    """The parts of a training run that change; each of them has a ``state_dict``."""

    model: BiLM
    optimizer: RowOptimizer
    schedule: LearningRateSchedule
    carried: CarriedState
    objective: Objective
    stream: TrainingStream | ReadAhead
    counters: Counters
    recent: Recent

    def to_checkpoint(
        self, identity: Mapping[str, Any], gather_rows: Callable[[Tensor], Tensor]
    ) -> Checkpoint:
        """Return a checkpoint of the run.

        Args:
            gather_rows: returns the batch rows of all processes from those of this one.
            identity: plain values that say which run it is; see
                :class:`~elmokit.training.identity.RunIdentity`.
        """
        generators = self.objective.state_dict()
        tensors = {
            # Tied parameters have one name only.
            "model": {name: value.detach() for name, value in self.model.named_parameters()},
            "optimizer": self.optimizer.named_slots(),
            "state": {
                "dropout_generator": generators["dropout_generator"],
                **{name: gather_rows(value) for name, value in self.carried.state_dict().items()},
            },
        }
        values = {
            **self.counters.state_dict(),
            **self.schedule.state_dict(),
            "num_updates": self.optimizer.num_updates,
            "recent": self.recent.state_dict(),
            "stream": self.stream.state_dict(),
            "sampling_generator": generators["sampling_generator"],
            **identity,
        }
        return Checkpoint(tensors, values)

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint of the same run."""
        tensors, values = checkpoint.tensors, checkpoint.trainer
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors["model"][name])
        self.optimizer.load_named_slots(tensors["optimizer"], values["num_updates"])
        self.carried.load_state_dict(tensors["state"])
        self.objective.load_state_dict(
            {
                "dropout_generator": tensors["state"]["dropout_generator"],
                "sampling_generator": values["sampling_generator"],
            }
        )
        self.stream.load_state_dict(values["stream"])
        self.counters.load_state_dict(values)
        self.schedule.load_state_dict(values)
        self.recent.load_state_dict(values["recent"])

"""Everything that changes during training, to a checkpoint and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.sources import describe_changes
from elmokit.errors import CheckpointError
from elmokit.formats.checkpoint import Checkpoint
from elmokit.model.bilm import DirectionState
from elmokit.model.lstm.interface import LstmState

if TYPE_CHECKING:
    from elmokit.training.trainer import Trainer

_REPLAYED = "replayed text"

# Plain numbers that are saved and restored as they are.
_COUNTERS = (
    "step",
    "best_step",
    "evaluations_without_gain",
    "evaluation_is_due",
    "non_finite_in_a_row",
    "learning_rate_factor",
    "seconds",
)


def take_snapshot(trainer: Trainer) -> Checkpoint:
    """The state of a trainer after a step."""
    parameters = dict(trainer.model.named_parameters())
    tensors = {
        "model": {name: value.detach() for name, value in parameters.items()},
        "optimizer": {
            f"{name}/{slot}": trainer.optimizer.slot(slot, name)
            for slot in trainer.optimizer.slots
            for name in parameters
        },
        "state": {"dropout_generator": trainer.dropout_generator.get_state(), **_name_states(trainer.state)},
    }
    values: dict[str, Any] = {
        **{name: getattr(trainer, name) for name in _COUNTERS},
        "best_perplexity": trainer.best_perplexity if math.isfinite(trainer.best_perplexity) else None,
        "num_updates": trainer.optimizer.num_updates,
        "recent": trainer.recent.state_dict(),
        "stream": trainer.stream.state_dict(),
        "sampling_generator": trainer.sampling_generator.bit_generator.state,
        "fingerprints": _fingerprints(trainer),
        "sources": _sources(trainer),
        "config": trainer.config.model_dump(mode="json"),
    }
    return Checkpoint(tensors, values)


def restore_snapshot(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Put a trainer into the state of a checkpoint of the same run.

    Raises:
        CheckpointError: when it was made with another configuration, vocabulary or corpus.
    """
    values = checkpoint.trainer
    if (_REPLAYED in values["fingerprints"]) != (trainer.replay is not None):
        had = "with" if trainer.replay is None else "without"
        raise CheckpointError(f"this run was started {had} replayed text: resume it so, or start a new run")
    for name, fingerprint in _fingerprints(trainer).items():
        if values["fingerprints"].get(name, fingerprint) != fingerprint:
            before = values.get("sources", {}).get(name, [])
            changes = describe_changes(before, _sources(trainer).get(name, []))
            raise CheckpointError(
                f"the {name} is not the one that this run was started with (fingerprint {fingerprint}, "
                f"expected {values['fingerprints'][name]}{changes and '; '}{changes}): resume with the same "
                "one, or start a new run"
            )
    config = Config.parse(values["config"], source="checkpoint")
    differences = config.differences(trainer.config)
    if differences:
        raise CheckpointError("made with other settings (checkpoint, given): " + "; ".join(differences))
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            parameter.copy_(checkpoint.tensors["model"][name])
            for slot in trainer.optimizer.slots:
                trainer.optimizer.slot(slot, name).copy_(checkpoint.tensors["optimizer"][f"{name}/{slot}"])
    trainer.optimizer.num_updates = values["num_updates"]
    state = checkpoint.tensors["state"]
    trainer.dropout_generator.set_state(state["dropout_generator"])
    trainer.state = [
        [
            LstmState(
                state[f"direction{d}_layer{k}_cell"].to(trainer.model.device),
                state[f"direction{d}_layer{k}_hidden"].to(trainer.model.device),
            )
            for k in range(len(layers))
        ]
        for d, layers in enumerate(trainer.state)
    ]
    trainer.sampling_generator.bit_generator.state = values["sampling_generator"]
    trainer.stream.load_state_dict(values["stream"])
    for name in _COUNTERS:
        setattr(trainer, name, values[name])
    if config.training.learning_rate != trainer.config.training.learning_rate:
        trainer.learning_rate_factor = 1.0  # a rate that was given anew is meant as it is
    trainer.best_perplexity = math.inf if values["best_perplexity"] is None else values["best_perplexity"]
    trainer.recent.load_state_dict(values["recent"])


def _texts(trainer: Trainer) -> dict[str, Corpus]:
    texts = {"training text": trainer.corpus, "heldout text": trainer.heldout, _REPLAYED: trainer.replay}
    return {name: corpus for name, corpus in texts.items() if corpus is not None}


def _fingerprints(trainer: Trainer) -> dict[str, str]:
    texts = {name: corpus.fingerprint for name, corpus in _texts(trainer).items()}
    return {"vocabulary": trainer.vocabulary.fingerprint, **texts}


def _sources(trainer: Trainer) -> dict[str, list[dict[str, Any]]]:
    """The files of the texts, by the names of their fingerprints, to name those that have changed."""
    return {name: list(corpus.source_states) for name, corpus in _texts(trainer).items()}


def _name_states(state: list[DirectionState]) -> dict[str, Tensor]:
    return {
        f"direction{d}_layer{k}_{name}": value
        for d, layers in enumerate(state)
        for k, layer in enumerate(layers)
        for name, value in layer._asdict().items()
    }

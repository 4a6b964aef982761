"""What each of several processes does for test_distributed.py: `python ranks_worker.py DIRECTORY`.

It becomes as many processes as the environment says. torchrun would start them; here they are forked, so that
PyTorch is imported once. Each leaves what it has seen in `DIRECTORY/rank-R.json` and `.safetensors`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError
from elmokit.formats.checkpoint import read_last_checkpoint
from elmokit.training.distributed import Ranks
from elmokit.training.recovery import NonFiniteError
from elmokit.training.trainer import Trainer

TOTAL_ROWS = 8

SETTINGS: dict[str, dict[str, Any]] = {
    "model": {
        "char_cnn": {"embedding_dim": 4, "filters": [[1, 4], [2, 4]], "num_highway": 1, "max_characters": 10},
        "lstm": {"cell_dim": 8, "projection_dim": 4},
    },
    "training": {
        "recipe": "bilm",
        "unroll_steps": 5,
        "num_epochs": 8,
        "num_negatives": 8,
        "dropout": 0.2,
        "state_reset": 0.2,
        "log_interval": 1,
        "histogram_interval": 0,
        "evaluations_per_epoch": 1,
        "clip_norm": 0.8,
        "max_steps": 6,
        "seed": 7,
    },
}

KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "sampled": {},
    "full": {"training": {"num_negatives": 0}},
    "tied words": {"model": {"char_cnn": None, "tie_softmax": True}},
}
"""Changes of the settings, by the name of what is different about the gradients."""


def make_trainer(
    directory: Path,
    save_dir: str,
    kind: str = "sampled",
    ranks: Ranks | None = None,
    corpus: Corpus | None = None,
    **changes: Any,
) -> Trainer:
    num = 1 if ranks is None else ranks.num
    training = {"batch_size": TOTAL_ROWS // num, "num_processes": num, **KINDS[kind].get("training", {})}
    values = {
        "model": SETTINGS["model"] | KINDS[kind].get("model", {}),
        "training": SETTINGS["training"] | training | changes,
    }
    cache = directory / "cache"
    return Trainer(
        Config.parse(values, source="test"),
        prepare_corpus([directory / "train.txt"], cache_dir=cache) if corpus is None else corpus,
        Vocabulary.load(directory / "vocab.txt"),
        save_dir=directory / save_dir,
        heldout=prepare_corpus([directory / "heldout.txt"], cache_dir=cache),
        ranks=ranks,
    )


def gradients(trainer: Trainer) -> dict[str, Tensor]:
    """The gradients of the trainer's first step, before clipping changes them."""
    for batch in islice(trainer.stream, 1):
        trainer.train_step(batch)
    return {
        name: parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad.clone()
        for name, parameter in trainer.model.named_parameters()
        if parameter.grad is not None
    }


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    """Everything bitwise about a trainer: parameters, the optimizer's memory, the states of its rows."""
    state = trainer.training_state
    parameters = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    carried = {name: value.clone() for name, value in state.carried.state_dict().items()}
    slots = {name: value.clone() for name, value in trainer.optimizer.named_slots().items()}
    return {
        **parameters,
        **slots,
        **carried,
        "dropout generator": state.objective.dropout_generator.get_state(),
        "order": torch.tensor(state.objective.sampling_generator.integers(1 << 30, size=4)),
    }


def curve(trainer: Trainer) -> dict[str, list[float]]:
    news = list(trainer.run())
    return {
        "training": [progress.perplexity for progress in news],
        "heldout": [progress.evaluation.perplexity for progress in news if progress.evaluation is not None],
    }


def sharded_gradients(directory: Path, ranks: Ranks) -> dict[str, Tensor]:
    """The gradients of a model that FSDP has sharded, of the rows of all processes; (N,) parts are whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    trainer = make_trainer(directory, "sharded", "full", ranks, dropout=0.0, state_reset=0.0)
    model, mesh = trainer.model, init_device_mesh("cpu", (ranks.num,))
    for stack in model.stacks:
        for layer in stack:
            fully_shard(layer, mesh=mesh)
    fully_shard(model.encoder, mesh=mesh)
    fully_shard(model.softmax, mesh=mesh)
    fully_shard(model, mesh=mesh)
    (batch,) = islice(trainer.stream, 1)
    totals = [direction.total_loss for direction in model(batch).directions]
    torch.stack([total for total in totals if total is not None]).sum().backward()
    found = {}
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        assert isinstance(gradient, DTensor)
        found[name] = gradient.full_tensor() * ranks.num  # FSDP divides by their number
    return found


class Seen:
    """What a process has seen."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}

    def keep(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        self.tensors |= {f"{prefix}/{name}": value.contiguous() for name, value in tensors.items()}

    def error(self, name: str, function: Callable[[], Any]) -> None:
        try:
            function()
        except ElmokitError as error:
            self.values[name] = [type(error).__name__, str(error)]


def main(directory: Path) -> None:
    seen, ranks = Seen(), Ranks.join("cpu", timeout=60)

    for kind in KINDS:
        trainer = make_trainer(directory, f"gradients-{kind}", kind, ranks, clip_norm=1e9)
        seen.keep(f"gradients of {kind}", gradients(trainer))
        seen.values[f"bytes of {kind}"] = trainer.training_state.recent.num_bytes
    rounded = make_trainer(
        directory, "rounded", "sampled", ranks, clip_norm=1e9, gradient_communication="bfloat16"
    )
    seen.keep("gradients of bfloat16", gradients(rounded))
    seen.values["bytes of bfloat16"] = rounded.training_state.recent.num_bytes

    # A second step, whose buckets leave during the backward pass, in parts, with accumulated gradients.
    batches = iter(rounded.stream)
    rounded.train_step(next(batches))
    half = make_trainer(
        directory,
        "accumulated",
        ranks=ranks,
        accumulation_steps=2,
        batch_size=TOTAL_ROWS // ranks.num // 2,
    )
    seen.values["curve, accumulated"] = curve(half)

    trainer = make_trainer(directory, "several", ranks=ranks)
    seen.values["curve"] = curve(trainer)
    seen.keep("several", state_of(trainer))
    again = make_trainer(directory, "again", ranks=ranks)
    again.load_checkpoint(read_last_checkpoint(directory / "several")[1])
    seen.keep("again", state_of(again))
    from_one = make_trainer(directory, "from-one", ranks=ranks)
    from_one.load_checkpoint(read_last_checkpoint(directory / "one")[1])
    seen.keep("from one", state_of(from_one))

    other = prepare_corpus([directory / "other.txt"], cache_dir=directory / "cache")
    unlike = make_trainer(directory, "unlike", ranks=ranks, corpus=other if ranks.rank else None)
    seen.error("another corpus", lambda: next(unlike.run()))
    uneven = make_trainer(directory, "uneven", ranks=ranks, unroll_steps=5 + ranks.rank)
    seen.error("other settings", lambda: next(uneven.run()))
    unequal = make_trainer(directory, "unequal", ranks=ranks, batch_size=TOTAL_ROWS // ranks.num + ranks.rank)
    seen.error("unequal batches", lambda: next(unequal.run()))

    def fail_in_one() -> None:
        with ranks.together():
            if ranks.rank == 1:
                raise ElmokitError("the disk is on fire")

    seen.error("an error in one process", fail_in_one)

    spoiled = make_trainer(directory, "spoiled", ranks=ranks, non_finite="stop", non_finite_limit=1)
    if ranks.rank == 1:
        carried = spoiled.training_state.carried
        carried.values[0][0].cell.fill_(torch.nan)
    seen.error("not finite", lambda: spoiled.train_step(next(iter(spoiled.stream))))
    assert issubclass(NonFiniteError, ElmokitError)

    # A stop that one process is asked for stops all.
    stopped = make_trainer(directory, "stopped", ranks=ranks, max_steps=None)
    run = stopped.run()
    next(run)
    if ranks.rank == ranks.num - 1:
        stopped.request_stop()
    seen.values["stopped"] = [progress.stopped for progress in run]

    if hasattr(torch.cpu.Stream, "record_event"):  # other versions of PyTorch shard on accelerators only
        seen.keep("sharded", sharded_gradients(directory, ranks))

    save_file(seen.tensors, directory / f"rank-{ranks.rank}.safetensors")
    (directory / f"rank-{ranks.rank}.json").write_text(json.dumps(seen.values), encoding="utf-8")
    ranks.leave()


def fork_ranks(num: int) -> None:
    """Return in each of the processes, with its rank in the environment; the parent ends with them."""
    children = []
    for rank in range(num):
        child = os.fork()
        if not child:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            return
        children.append(child)
    sys.exit(max(os.waitpid(child, 0)[1] != 0 for child in children))


if __name__ == "__main__":
    import torch._dynamo  # which FSDP imports when it is used
    import torch.distributed.fsdp

    torch.set_num_threads(1)
    fork_ranks(int(os.environ["WORLD_SIZE"]))
    main(Path(sys.argv[1]))

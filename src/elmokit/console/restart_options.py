"""The options of `elmokit train` that continue from a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import modes, terminal
from elmokit.console.models import GivenModel, ModelName
from elmokit.console.verb import checked

if TYPE_CHECKING:
    from elmokit.pretrained import PretrainedModel
    from elmokit.training.trainer import Trainer

_OPTIONS = (
    click.option(
        "--restart-ckpt-file",
        "restart_model",
        metavar="MODEL",
        type=ModelName(),
        help="Continue training from this model: a training run or one of its checkpoints, a TensorFlow "
        "checkpoint of bilm-tf, HDF5 weights, or any other model. Text and vocabulary may be new.",
    ),
    click.option(
        "--restart-vocab-file", metavar="FILE", help="Vocabulary of that model, if it is not beside it."
    ),
    click.option(
        "--restart-options-file",
        metavar="FILE",
        help="options.json of that model, if it is not beside it.",
    ),
    click.option(
        "--exclude",
        "excluded",
        metavar="PATTERN",
        multiple=True,
        help="Do not restore these parameters of that model: softmax, 'encoder.*', ... May be repeated.",
    ),
    click.option(
        "--reset-optimizer", is_flag=True, help="Do not restore the optimizer's state of that model."
    ),
)


@dataclass(frozen=True)
class Restart:
    """The model to continue from, and what not to restore."""

    model: str
    vocab_file: str | None
    options_file: str | None
    excluded: tuple[str, ...]
    reset_optimizer: bool

    def load(self) -> PretrainedModel:
        """Load the model."""
        given = GivenModel(self.model, self.options_file, self.vocab_file)
        return given.load(softmax=True, optimizer=not self.reset_optimizer)

    def apply(self, trainer: Trainer, source: PretrainedModel) -> None:
        """Initialize a new run from the model; print and save what was restored."""
        from elmokit.training.warm_start.report import REPORT_FILE
        from elmokit.training.warm_start.restart import NUM_MATCHED_PREDICTIONS, restart

        with terminal.progress_bar("matching word frequencies", NUM_MATCHED_PREDICTIONS, "tok") as bar:
            report = restart(
                trainer,
                source,
                exclude=self.excluded,
                reset_optimizer=self.reset_optimizer,
                on_predictions=bar.update,
            )
        terminal.note(str(report) if modes.is_verbose() else report.summary())
        if trainer.ranks.is_main:
            report.save(trainer.save_dir / REPORT_FILE)
        if not modes.is_verbose():
            terminal.note(f"every tensor: -v, or {trainer.save_dir / REPORT_FILE}")


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    is_restart = values.get("restart_model") is not None
    names = ("restart_vocab_file", "restart_options_file", "excluded", "reset_optimizer")
    if not is_restart and any(values.get(name) for name in names):
        yield (
            "--exclude, --reset-optimizer, --restart-vocab-file and --restart-options-file need "
            "--restart-ckpt-file"
        )
    if is_restart and values.get("resume"):
        yield (
            "--resume continues the run in --save-dir; --restart-ckpt-file starts a new run from another "
            "model: use one of them"
        )


def takes_restart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a restart, as ``start``: a :class:`Restart`, or None without any."""

    @functools.wraps(function)
    def command(
        restart_model: str | None,
        restart_vocab_file: str | None,
        restart_options_file: str | None,
        excluded: tuple[str, ...],
        reset_optimizer: bool,
        **arguments: Any,
    ) -> Any:
        start = None
        if restart_model is not None:
            start = Restart(
                restart_model, restart_vocab_file, restart_options_file, excluded, reset_optimizer
            )
        return function(start=start, **arguments)

    for add in reversed(_OPTIONS):
        command = add(command)
    return checked(_check)(command)

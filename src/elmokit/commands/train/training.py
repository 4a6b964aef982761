"""Training by `elmokit train`: progress, evaluations, signals, and what is said at the end."""

from __future__ import annotations

import atexit
import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import click

from elmokit.commands.train.texts import trainer_of
from elmokit.console import terminal
from elmokit.console.modes import is_verbose, wants_json

if TYPE_CHECKING:
    from elmokit.training.distributed import Ranks
    from elmokit.training.evaluation import Evaluation
    from elmokit.training.progress import Progress
    from elmokit.training.run_directory import Run
    from elmokit.training.trainer import Trainer


def train_run(run: Run, ranks: Ranks, prepare: Callable[[Trainer], None] | None) -> None:
    """Train to the end of a run, or until it is stopped.

    Args:
        run: a new one, or one that continues.
        ranks: the processes that train together.
        prepare: what is to be done with the trainer first; None for a run that starts from nothing or
            continues.
    """
    from elmokit.formats.checkpoint import list_checkpoints
    from elmokit.training.rendezvous import launch_id
    from elmokit.training.run_directory import mark_launch
    from elmokit.training.run_lock import locked

    with ranks.together():
        trainer = trainer_of(run, ranks, is_continued=prepare is not None)
    with ExitStack() as stack:
        with ranks.together():
            if ranks.is_main:
                stack.enter_context(locked(run.save_dir))
            if prepare is not None:
                prepare(trainer)
            if ranks.is_main:
                run.write()
                mark_launch(run.save_dir, launch_id() if ranks.communicate else None)
        try:
            _train(trainer)
        except KeyboardInterrupt:
            checkpoints = list_checkpoints(run.save_dir)
            remedy = (
                f"resume from {checkpoints[-1].name} with: elmokit train --save-dir {run.save_dir} --resume"
                if checkpoints
                else "there is no checkpoint yet"
            )
            terminal.note(f"stopped at step {trainer.step:,}; {remedy}")
            raise


def _train(trainer: Trainer) -> None:
    from elmokit.training.signals import stop_on_signals

    config = trainer.config.training
    done = trainer.step * trainer.predictions_per_step
    total = trainer.num_steps * trainer.predictions_per_step
    progress: Progress | None = None
    acknowledge = _acknowledge if trainer.ranks.is_main else None
    with (
        stop_on_signals(trainer, acknowledge) as received,
        terminal.progress_bar("training", total, "tok", initial=done) as bar,
    ):
        for progress in trainer.run():
            bar.set_postfix_str(
                f"epoch {progress.epoch:.2f}/{config.num_epochs}, perplexity {progress.perplexity:.1f}",
                refresh=False,
            )
            # Not by the tokens of a step: training may have been rolled back.
            bar.update(progress.num_predictions - bar.n)
            if progress.warning is not None:
                terminal.warn(progress.warning)
            if progress.evaluation is not None:
                _report_evaluation(progress, progress.evaluation)
    if progress is None:
        terminal.note(f"nothing to do: the run has already finished, after step {trainer.step:,}")
        return
    if progress.stopped:
        # Only another process may have received it.
        number = received[0] if received else signal.SIGTERM
        terminal.note(
            f"stopped by {number.name} after step {progress.step:,}; checkpoint saved; "
            f"resume with: elmokit train --save-dir {trainer.save_dir} --resume"
        )
        # A second Ctrl-C while Python shuts down would show a trace instead of ending quietly.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
        click.get_current_context().exit(128 + number)
    if progress.stopped_early:
        terminal.note(
            f"stopped early: {config.patience} evaluations without improvement in heldout perplexity"
        )
    terminal.report(
        f"trained {terminal.counted(progress.num_predictions, 'token')} in "
        f"{terminal.duration(trainer.seconds)} "
        f"({progress.tokens_per_second:,.0f} tokens/s); the model is in {trainer.save_dir}",
        output=trainer.save_dir,
        step=progress.step,
        num_tokens=progress.num_predictions,
        seconds=trainer.seconds,
        tokens_per_second=progress.tokens_per_second,
    )


def _acknowledge(_: signal.Signals) -> None:
    # Not with print, which may be what the signal has interrupted.
    with suppress(OSError):  # the terminal may be gone
        os.write(2, b"\nfinishing the step and writing a checkpoint; repeat to stop at once\n")


def _report_evaluation(progress: Progress, evaluation: Evaluation) -> None:
    """Print the heldout perplexity, which is a result also of a quiet command."""
    if wants_json():
        figures = {"step": progress.step, "epoch": progress.epoch, "is_best": progress.is_best}
        terminal.say(json.dumps(figures | evaluation.as_dict()))
        return
    details = f"{evaluation.unk_share:.2%} <UNK>"
    if is_verbose() and evaluation.backward is not None:
        details = f"forward {evaluation.forward:.2f}, backward {evaluation.backward:.2f}; {details}"
    best = ", best so far" if progress.is_best else ""
    terminal.say(
        f"step {progress.step:,}, epoch {progress.epoch:.2f}: heldout perplexity {evaluation.perplexity:.2f} "
        f"({details}){best}"
    )

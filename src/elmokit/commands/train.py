"""elmokit train: train a biLM, or resume training."""

from __future__ import annotations

import atexit
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.config.files import DEFAULT_CONFIG
from elmokit.console import terminal
from elmokit.console.completion import complete_config, complete_setting
from elmokit.console.inputs import find_inputs
from elmokit.console.modes import is_verbose, json_option, wants_json
from elmokit.console.outputs import takes_output
from elmokit.console.processes import early_settings, joined_processes, processes_options, start_processes
from elmokit.console.restart_options import Restart, takes_restart
from elmokit.console.setting_help import explain_setting, setting_sections
from elmokit.console.streams import unstoppable_output
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import checked, missing, verb
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, MissingTextError
from elmokit.files.home import expanded
from elmokit.processes import available_processors

if TYPE_CHECKING:
    from elmokit.config import Config
    from elmokit.data.corpus import Corpus
    from elmokit.data.find import Part
    from elmokit.training.distributed import Ranks
    from elmokit.training.evaluation import Evaluation
    from elmokit.training.progress import Progress
    from elmokit.training.run_directory import Run
    from elmokit.training.trainer import Trainer


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    overrides = values.get("overrides") or ()
    stray = [override for override in overrides if not override.partition("=")[0] or "=" not in override]
    if stray:
        yield _explain_stray(stray, is_resumed=bool(values.get("resume")))
    keys = [override.partition("=")[0].rpartition(".")[2].replace("-", "_") for override in overrides]
    keys = ["num_processes" if key == "n_gpus" else key for key in keys]
    for name in ("device", "seed", "threads", "num_processes"):
        if values.get(name) is not None and name in keys:
            yield f"{name} is given twice, as --{name.replace('_', '-')} and as {name}="
    if values.get("resume"):
        return
    if not values.get("train_prefixes"):
        yield missing("train_prefixes")
    if values.get("restart_model") is not None:
        return
    if values.get("vocab_file") is None:
        yield missing("vocab_file")
    if not stray:
        from elmokit.config.schema import Config

        try:
            Config.load(values.get("config_name") or DEFAULT_CONFIG, overrides)
        except ConfigError as error:
            yield str(error)


def _explain_stray(arguments: Sequence[str], *, is_resumed: bool) -> str:
    """Return what to do about arguments that are no settings."""
    plural = "" if len(arguments) == 1 else "s"
    message = f"Got unexpected argument{plural} {', '.join(map(repr, arguments))}: expected key=value"
    first = expanded(arguments[0])
    if is_resumed and first.is_dir():
        return f"{message}. To resume this run, write --save-dir {arguments[0]} --resume"
    if len(arguments) == 1 and first.exists():
        return f"{message}. To train on it, write --train-prefix {arguments[0]}"
    return f"{message}. Put a glob in quotes (--train-prefix 'text/*.txt'), and no space around ="


@verb("train", explain_option=explain_setting, describe_more=setting_sections)
@checked(_check)
@click.option(
    "--train-prefix",
    "train_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Training text: file, glob in quotes, directory, URL, or - for the standard input. Of a directory "
    "written by `elmokit shard`, the training files are used. May be repeated.",
)
@click.option(
    "--heldout-prefix",
    "heldout_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Heldout text, evaluated at intervals. Of a directory written by `elmokit shard`, the heldout file "
    "is used.",
)
@click.option(
    "--vocab-file", type=click.Path(path_type=Path), help="Vocabulary file, written by `elmokit vocabulary`."
)
@takes_output("Directory for checkpoints and records.", ("-o", "--output", "--save-dir"))
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
    shell_complete=complete_config,
    help="tiny, small, original, a .toml file, or an options.json of bilm-tf.  [default: small]",
)
@click.option("--resume", is_flag=True, help="Resume from the last checkpoint in --save-dir.")
@takes_restart
@click.option(
    "--freeze",
    "frozen",
    metavar="PATTERN",
    multiple=True,
    help="Do not train these parameters: encoder, stacks.0, ... May be repeated.",
)
@click.option(
    "--replay-prefix",
    "replay_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Old text to mix in, so that the model does not forget it; replay_share sets how much.",
)
@click.option("--device", help="The same as device=...: auto, cpu, cuda or cuda:N.")
@click.option("--seed", type=click.IntRange(min=0), help="The same as seed=N.")
@threads_option
@processes_options
@json_option
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
def command(
    train_prefixes: tuple[str, ...],
    heldout_prefixes: tuple[str, ...],
    vocab_file: Path | None,
    output: Path,
    config_name: str | None,
    resume: bool,
    start: Restart | None,
    frozen: tuple[str, ...],
    replay_prefixes: tuple[str, ...],
    device: str | None,
    seed: int | None,
    threads: int | None,
    num_processes: int | None,
    max_restarts: int,
    overrides: tuple[str, ...],
) -> None:
    """Train a biLM on tokenized text, one sentence per line, and write checkpoints.

    Change settings with KEY=VALUE, for example batch_size=32 num_epochs=3 patience=5, or recipe=bilm for the
    recipe of 2018. The settings are listed below; `elmokit settings` says more about them. --resume needs
    only --save-dir.

    With --restart-ckpt-file training starts from an existing model, on new text and with a new vocabulary. A
    summary shows what was restored; restart.json, and -v, every tensor. Settings default to those of that
    model.

    With --num-processes (or num_processes=N, or n_gpus=N of bilm-tf) N processes train together, each on a
    GPU of its own if there are any. torchrun starts them on several machines.

    \b
    Example:
      elmokit train --train-prefix 'text/train-*.txt.gz' --heldout-prefix text/heldout.txt.gz \\
          --vocab-file vocab.txt --save-dir model --config tiny num_epochs=2
      elmokit train --save-dir model --resume
      elmokit train --restart-ckpt-file model --train-prefix 'new/train-*.txt' \\
          --heldout-prefix new/heldout.txt --vocab-file new/vocab.txt --save-dir new-model
    """
    save_dir = output
    options = {"device": device, "seed": seed, "threads": threads, "num_processes": num_processes}
    given = [f"{name}={json.dumps(value)}" for name, value in options.items() if value is not None]
    overrides = (*overrides, *given)
    if resume and config_name is None and (save_dir / "config.json").exists():
        source: str | Path | None = save_dir / "config.json"
    else:
        source = config_name or (None if resume or start is not None else DEFAULT_CONFIG)
    settings = early_settings(source, overrides)
    overrides = start_processes(
        settings,
        overrides,
        is_resumed=resume,
        max_restarts=max_restarts,
        reads_stdin="-" in (*train_prefixes, *heldout_prefixes, *replay_prefixes),
    )
    if frozen:
        overrides = (*overrides, f"freeze={json.dumps(frozen)}")
    prefixes = _prefixes(train_prefixes), _prefixes(heldout_prefixes), _prefixes(replay_prefixes)
    from elmokit.training.rendezvous import is_started_again, launch_id
    from elmokit.training.run_directory import continue_run, is_run_of_launch
    from elmokit.training.run_lock import locked

    with unstoppable_output(), joined_processes(settings) as ranks, ExitStack() as stack:
        with ranks.together():
            resume = resume or (is_started_again() and is_run_of_launch(save_dir, launch_id()))
            # A run that resumes is locked before it is read; a new one when there is something to lock.
            if resume and ranks.is_main and (save_dir / "checkpoints").is_dir():
                stack.enter_context(locked(save_dir))
            prepare = None
            if resume:
                run = continue_run(save_dir, config_name, overrides, vocab_file, *prefixes)
            else:
                run, prepare = _new_run(save_dir, config_name, overrides, vocab_file, start, prefixes)
        _run(run, ranks, prepare)


def _new_run(
    save_dir: Path,
    config_name: str | None,
    overrides: Sequence[str],
    vocab_file: Path | None,
    start: Restart | None,
    prefixes: tuple[list[str], list[str], list[str]],
) -> tuple[Run, Callable[[Trainer], None] | None]:
    """Return a new run, and what is to be done with its trainer first."""
    from elmokit.config import Config
    from elmokit.training.run_directory import start_run
    from elmokit.training.warm_start.restart import (
        missing_for_restart,
        restart_config,
        restart_vocabulary,
    )

    if start is None:
        assert vocab_file is not None  # checked before
        config = Config.load(config_name or DEFAULT_CONFIG, overrides)
        try:
            vocabulary = Vocabulary.load(vocab_file)
        except MissingTextError as error:
            raise MissingTextError(f"{error}: make one with `elmokit vocabulary`") from None
        _refuse_unmatched_patterns(config, vocabulary)
        return start_run(save_dir, config, vocabulary, *prefixes), None
    source = start.load()
    config = restart_config(source, config_name, overrides)
    absent = missing_for_restart(source, has_recipe=config_name is not None)
    if absent is not None:
        terminal.warn(absent)
    vocabulary = restart_vocabulary(source, vocab_file)
    _refuse_unmatched_patterns(config, vocabulary, start.excluded)
    run = start_run(save_dir, config, vocabulary, *prefixes)
    return run, lambda trainer: start.apply(trainer, source)


def _refuse_unmatched_patterns(config: Config, vocabulary: Vocabulary, excluded: Sequence[str] = ()) -> None:
    """Refuse patterns that match no parameter before hours of reading, not after."""
    from elmokit.model.parameter_shapes import parameter_shapes
    from elmokit.training.parameter_names import matching_names

    names = parameter_shapes(config.model, len(vocabulary), with_softmax=True, source=Path("config"))
    matching_names(config.training.freeze, names, setting="freeze")
    matching_names(excluded, names, setting="exclude")


def _prefixes(patterns: Sequence[str]) -> list[str]:
    """Return patterns of texts, in which the standard input has become a file."""
    return [str(find_inputs(["-"])[0]) if pattern == "-" else pattern for pattern in patterns]


def _run(run: Run, ranks: Ranks, prepare: Callable[[Trainer], None] | None) -> None:
    from elmokit.formats.checkpoint import list_checkpoints
    from elmokit.training.rendezvous import launch_id
    from elmokit.training.run_directory import mark_launch
    from elmokit.training.run_lock import locked

    with ranks.together():
        trainer = _trainer(run, ranks, is_continued=prepare is not None)
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


def _trainer(run: Run, ranks: Ranks, *, is_continued: bool) -> Trainer:
    """Read the texts and return the trainer, at the checkpoint where there is one."""
    from elmokit.training.text_checks import refuse_shared_files
    from elmokit.training.trainer import Trainer

    # Report mistakes in the paths before hours of reading.
    refuse_shared_files(
        [file.source_state for file in find_inputs(run.train_prefixes, "train")],
        [file.source_state for file in find_inputs(run.heldout_prefixes, "heldout")],
    )
    parts: list[tuple[list[str], str, Part]] = [
        (run.train_prefixes, "training", "train"),
        (run.heldout_prefixes, "heldout", "heldout"),
        (run.replay_prefixes, "old", "train"),
    ]
    with ranks.first_of_machine_first():
        corpus, heldout, replay = (
            _prepare(prefixes, part, f"reading the {name} text", run.save_dir / "corpora")
            if prefixes
            else None
            for prefixes, name, part in parts
        )
    assert corpus is not None
    if run.config.training.threads is not None:
        use_threads(run.config.training.threads)
    trainer = Trainer(
        run.config,
        corpus,
        run.vocabulary,
        save_dir=run.save_dir,
        heldout=heldout,
        replay=replay,
        ranks=ranks,
    )
    if ranks.is_main:
        _describe_texts(trainer, run, is_continued=is_continued)
    if run.checkpoint is not None:
        for problem in run.problems:
            terminal.warn(f"{problem}; falling back to the checkpoint before it")
        trainer.load_checkpoint(run.checkpoint)
        terminal.note(f"resuming after step {trainer.step:,} of {trainer.num_steps:,}")
    return trainer


def _prepare(prefixes: list[str], part: Part, description: str, fallback_dir: Path) -> Corpus:
    files = find_inputs(prefixes, part)
    with terminal.progress_bar(description, total_bytes(files), "B") as bar:
        return prepare_corpus(
            files,
            fallback_dir=fallback_dir,
            on_bytes=bar.update,
            num_processes=available_processors(),
        )


def _describe_texts(trainer: Trainer, run: Run, *, is_continued: bool) -> None:
    from elmokit.training.text_checks import repeated_share, text_warnings

    corpus = trainer.corpus
    terminal.note(
        f"training text: {terminal.counted(corpus.num_tokens, 'token')} in "
        f"{terminal.counted(corpus.num_sentences, 'sentence')}, "
        f"{trainer.texts.training.unknown_share:.2%} <UNK>; "
        f"vocabulary: {terminal.counted(len(run.vocabulary), 'word')}"
    )
    if trainer.heldout is not None:
        repeated, share = repeated_share(trainer.heldout, corpus)
        also = f"; {terminal.counted(repeated, 'sentence')} ({share:.1%}) also occur in the training text"
        terminal.note(
            f"heldout text: {terminal.counted(trainer.heldout.num_tokens, 'token')} in "
            f"{terminal.counted(trainer.heldout.num_sentences, 'sentence')}{also if repeated else ''}"
        )
    if run.checkpoint is None:
        for warning in text_warnings(trainer.model, trainer.texts.training, is_continued=is_continued):
            terminal.warn(warning)
    if run.replay_prefixes:
        terminal.note(f"replaying old text as {run.config.training.replay_share:.0%} of the predictions")
    if corpus.num_blank_lines and run.config.training.blank_lines == "skip":
        terminal.note(f"skipped {terminal.counted(corpus.num_blank_lines, 'blank line')}")
    if run.excess_negatives:
        terminal.note(
            f"using the full softmax: sampling num_negatives={run.excess_negatives:,} of "
            f"{len(run.vocabulary):,} words would save almost no computation"
        )


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

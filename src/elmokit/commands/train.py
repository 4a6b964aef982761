"""elmokit train: train a biLM, or resume training."""

from __future__ import annotations

import atexit
import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from elmokit.config import Config
from elmokit.console import terminal
from elmokit.console.restart_options import Restart, takes_restart
from elmokit.data.corpus import Corpus
from elmokit.data.find import Part, find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.data.vocabulary import Vocabulary
from elmokit.formats.checkpoint import list_checkpoints
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.training.evaluation import Evaluation
from elmokit.training.parameter_names import matching_names
from elmokit.training.progress import Progress
from elmokit.training.run_directory import Run, continue_run, start_run
from elmokit.training.run_lock import locked
from elmokit.training.signals import stop_on_signals
from elmokit.training.text_checks import refuse_shared_files, repeated_share, text_warnings
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.restart import missing_for_restart, restart_config, restart_vocabulary


@click.command("train")
@click.option(
    "--train-prefix",
    "train_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Training text: file, glob in quotes, directory or URL. Of a directory written by `elmokit shard`, "
    "the training files are used. May be repeated.",
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
@click.option(
    "--save-dir",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory for checkpoints and records.",
)
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
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
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def command(
    train_prefixes: tuple[str, ...],
    heldout_prefixes: tuple[str, ...],
    vocab_file: Path | None,
    save_dir: Path,
    config_name: str | None,
    resume: bool,
    start: Restart | None,
    frozen: tuple[str, ...],
    replay_prefixes: tuple[str, ...],
    overrides: tuple[str, ...],
) -> None:
    """Train a biLM on tokenized text, one sentence per line, and write checkpoints.

    Change settings with KEY=VALUE, for example batch_size=32 num_epochs=3 patience=5, or recipe=bilm for the
    recipe of 2018; config.json in the save directory lists them all. --resume needs only --save-dir.

    With --restart-ckpt-file training starts from an existing model, on new text and with a new vocabulary. A
    table, also written to restart.json, shows what was restored. Settings default to those of that model.

    \b
    Example:
      elmokit train --train-prefix 'text/train-*.txt.gz' --heldout-prefix text/heldout.txt.gz \\
          --vocab-file vocab.txt --save-dir model --config tiny num_epochs=2
      elmokit train --save-dir model --resume
      elmokit train --restart-ckpt-file model --train-prefix 'new/train-*.txt' \\
          --heldout-prefix new/heldout.txt --vocab-file new/vocab.txt --save-dir new-model
    """
    _refuse_stray_files(overrides)
    if start is not None and resume:
        raise click.UsageError(
            "--resume continues the run in --save-dir; --restart-ckpt-file starts a new run from another "
            "model: use one of them",
            click.get_current_context(),
        )
    if frozen:
        overrides = (*overrides, f"freeze={json.dumps(frozen)}")
    prefixes = list(train_prefixes), list(heldout_prefixes), list(replay_prefixes)
    # A run that resumes is locked before it is read; a new one as soon as there is something to lock.
    with locked(save_dir) if resume and (save_dir / "checkpoints").is_dir() else nullcontext():
        if resume:
            _run(continue_run(save_dir, config_name, overrides, vocab_file, *prefixes))
            return
        if not train_prefixes:
            raise click.UsageError("Missing option '--train-prefix'.", click.get_current_context())
        if start is not None:
            source = start.load()
            config = restart_config(source, config_name, overrides)
            missing = missing_for_restart(source, has_recipe=config_name is not None)
            if missing is not None:
                terminal.warn(missing)
            vocabulary = restart_vocabulary(source, vocab_file)
            _refuse_unmatched_patterns(config, vocabulary, start.excluded)
            run = start_run(save_dir, config, vocabulary, *prefixes)
            _run(run, prepare=lambda trainer: start.apply(trainer, source))
            return
        if vocab_file is None:
            raise click.UsageError("Missing option '--vocab-file'.", click.get_current_context())
        config, vocabulary = Config.load(config_name or "small", overrides), Vocabulary.load(vocab_file)
        _refuse_unmatched_patterns(config, vocabulary)
        _run(start_run(save_dir, config, vocabulary, *prefixes))


def _refuse_unmatched_patterns(config: Config, vocabulary: Vocabulary, excluded: Sequence[str] = ()) -> None:
    """Refuse patterns that match no parameter before hours of reading, not after."""
    names = parameter_shapes(config.model, len(vocabulary), with_softmax=True, source=Path("config"))
    matching_names(config.training.freeze, names, setting="freeze")
    matching_names(excluded, names, setting="exclude")


def _run(run: Run, prepare: Callable[[Trainer], None] | None = None) -> None:
    # Report mistakes in the paths before hours of reading.
    refuse_shared_files(
        [file.path for file in find_texts(run.train_prefixes, "train")],
        [file.path for file in find_texts(run.heldout_prefixes, "heldout")],
    )
    parts: list[tuple[list[str], str, Part]] = [
        (run.train_prefixes, "training", "train"),
        (run.heldout_prefixes, "heldout", "heldout"),
        (run.replay_prefixes, "old", "train"),
    ]
    corpus, heldout, replay = (
        _prepare(prefixes, part, f"reading the {name} text", run.save_dir / "corpora") if prefixes else None
        for prefixes, name, part in parts
    )
    assert corpus is not None
    trainer = Trainer(
        run.config, corpus, run.vocabulary, save_dir=run.save_dir, heldout=heldout, replay=replay
    )
    _describe_texts(trainer, run)
    if run.checkpoint is not None:
        for problem in run.problems:
            terminal.warn(f"{problem}; falling back to the checkpoint before it")
        trainer.load_checkpoint(run.checkpoint)
        terminal.say(f"resuming after step {trainer.step:,} of {trainer.num_steps:,}")
    with locked(run.save_dir):
        if prepare is not None:
            prepare(trainer)
        run.write()
        try:
            _train(trainer)
        except KeyboardInterrupt:
            checkpoints = list_checkpoints(run.save_dir)
            remedy = (
                f"resume from {checkpoints[-1].name} with: elmokit train --save-dir {run.save_dir} --resume"
                if checkpoints
                else "there is no checkpoint yet"
            )
            terminal.say(f"stopped at step {trainer.step:,}; {remedy}")
            raise


def _refuse_stray_files(overrides: tuple[str, ...]) -> None:
    for override in overrides:
        if "=" not in override:
            raise click.UsageError(
                f"Got unexpected argument {override!r}: expected key=value. Put a glob in quotes: "
                "--train-prefix 'text/*.txt'",
                click.get_current_context(),
            )


def _prepare(prefixes: list[str], part: Part, description: str, fallback_dir: Path) -> Corpus:
    files = find_texts(prefixes, part)
    with terminal.progress_bar(description, total_bytes(files), "B") as bar:
        return prepare_corpus(files, fallback_dir=fallback_dir, on_bytes=bar.update)


def _describe_texts(trainer: Trainer, run: Run) -> None:
    corpus = trainer.corpus
    terminal.say(
        f"training text: {corpus.num_tokens:,} tokens in {corpus.num_sentences:,} sentences, "
        f"{trainer.texts.training.unknown_share:.2%} <UNK>; vocabulary: {len(run.vocabulary):,} words"
    )
    if trainer.heldout is not None:
        repeated, share = repeated_share(trainer.heldout, corpus)
        also = f"; {terminal.counted(repeated, 'sentence')} ({share:.1%}) also occur in the training text"
        terminal.say(
            f"heldout text: {terminal.counted(trainer.heldout.num_tokens, 'token')} in "
            f"{terminal.counted(trainer.heldout.num_sentences, 'sentence')}{also if repeated else ''}"
        )
    if run.checkpoint is None:
        for warning in text_warnings(trainer.model, trainer.texts.training):
            terminal.warn(warning)
    if run.replay_prefixes:
        terminal.say(f"replaying old text as {run.config.training.replay_share:.0%} of the predictions")
    if corpus.num_blank_lines and run.config.training.blank_lines == "skip":
        terminal.say(f"skipped {terminal.counted(corpus.num_blank_lines, 'blank line')}")
    if run.excess_negatives:
        terminal.say(
            f"using the full softmax: sampling num_negatives={run.excess_negatives:,} of "
            f"{len(run.vocabulary):,} words would save almost no computation"
        )


def _train(trainer: Trainer) -> None:
    config = trainer.config.training
    done = trainer.step * trainer.predictions_per_step
    total = trainer.num_steps * trainer.predictions_per_step
    progress: Progress | None = None
    with (
        stop_on_signals(trainer, _acknowledge) as received,
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
                terminal.say(_evaluation_line(progress, progress.evaluation))
    if progress is None:
        terminal.say(f"nothing to do: the run has already finished, after step {trainer.step:,}")
        return
    if progress.stopped:
        terminal.say(
            f"stopped by {received[0].name} after step {progress.step:,}; checkpoint saved; "
            f"resume with: elmokit train --save-dir {trainer.save_dir} --resume"
        )
        # A second Ctrl-C while Python shuts down would show a trace instead of ending quietly.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
        click.get_current_context().exit(128 + received[0])
    if progress.stopped_early:
        terminal.say(
            f"stopped early: {config.patience} evaluations without improvement in heldout perplexity"
        )
    terminal.say(
        f"trained {progress.num_predictions:,} tokens in {terminal.duration(trainer.seconds)} "
        f"({progress.tokens_per_second:,.0f} tokens/s); the model is in {trainer.save_dir}"
    )


def _acknowledge(_: signal.Signals) -> None:
    # Not with print, which may be what the signal has interrupted.
    os.write(2, b"\nfinishing the step and writing a checkpoint; repeat to stop at once\n")


def _evaluation_line(progress: Progress, evaluation: Evaluation) -> str:
    directions = f"forward {evaluation.forward:.2f}"
    if evaluation.backward is not None:
        directions += f", backward {evaluation.backward:.2f}"
    best = ", best so far" if progress.is_best else ""
    return (
        f"step {progress.step:,}, epoch {progress.epoch:.2f}: heldout perplexity {evaluation.perplexity:.2f} "
        f"({directions}; {evaluation.unk_share:.2%} <UNK>){best}"
    )

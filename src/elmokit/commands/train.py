"""elmokit train: train a biLM, or resume training."""

from __future__ import annotations

import atexit
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from elmokit.config import Config
from elmokit.console import terminal
from elmokit.console.restart_options import Restart, takes_restart
from elmokit.data.corpus import Corpus, is_prepared, prepare_corpus
from elmokit.data.find import find_texts
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.read import total_bytes
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import OutputError
from elmokit.formats.checkpoint import list_checkpoints
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.training.evaluation import Evaluation
from elmokit.training.parameter_names import matching_names
from elmokit.training.progress import Progress
from elmokit.training.run_directory import Run, continue_run, start_run
from elmokit.training.run_lock import locked
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.restart import restart_config

_SORTED_ENOUGH = 0.3  # rank correlation with the counts of the training text


@click.command("train")
@click.option(
    "--train-prefix",
    "train_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Training text: file, glob in quotes, directory or URL. May be repeated.",
)
@click.option(
    "--heldout-prefix",
    "heldout_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Heldout text, to be evaluated on at intervals.",
)
@click.option("--vocab-file", type=click.Path(path_type=Path), help="Made by `elmokit vocabulary`.")
@click.option(
    "--save-dir", required=True, type=click.Path(path_type=Path), help="Where checkpoints and records go."
)
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
    help="tiny, small, original, a .toml file, or an options.json of bilm-tf.  [default: small]",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --save-dir.")
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
    help="Old text to mix in, so that the model does not forget it; replay_share says how much of it.",
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
    """Train a biLM on tokenized text, one sentence a line, and write checkpoints.

    Settings are changed by KEY=VALUE, for example batch_size=32 num_epochs=3 patience=5, or recipe=bilm for
    the recipe of 2018; the save directory's config.json lists them all. --resume needs nothing but
    --save-dir.

    With --restart-ckpt-file training goes on from a model, on new text and with a new vocabulary; what was
    taken over is told in a table, which is kept in restart.json. Settings are then those of that model.

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
            "--resume goes on with the run in --save-dir; --restart-ckpt-file starts a new one from another "
            "model: give one of them",
            click.get_current_context(),
        )
    if frozen:
        overrides = (*overrides, f"freeze={json.dumps(frozen)}")
    prefixes = list(train_prefixes), list(heldout_prefixes), list(replay_prefixes)
    # A run that goes on is held from the first look at it; a new one from when there is something to hold.
    with locked(save_dir) if resume and (save_dir / "checkpoints").is_dir() else nullcontext():
        if resume:
            _run(continue_run(save_dir, config_name, overrides, vocab_file, *prefixes))
            return
        if not train_prefixes:
            raise click.UsageError("Missing option '--train-prefix'.", click.get_current_context())
        if start is not None:
            source = start.load()
            config = restart_config(source, config_name, overrides)
            vocabulary = source.require_vocabulary() if vocab_file is None else Vocabulary.load(vocab_file)
            _refuse_idle_patterns(config, vocabulary, start.excluded)
            run = start_run(save_dir, config, vocabulary, *prefixes)
            _run(run, prepare=lambda trainer: start.apply(trainer, source))
            return
        if vocab_file is None:
            raise click.UsageError("Missing option '--vocab-file'.", click.get_current_context())
        config, vocabulary = Config.load(config_name or "small", overrides), Vocabulary.load(vocab_file)
        _refuse_idle_patterns(config, vocabulary)
        _run(start_run(save_dir, config, vocabulary, *prefixes))


def _refuse_idle_patterns(config: Config, vocabulary: Vocabulary, excluded: Sequence[str] = ()) -> None:
    """A pattern without a match is better told before hours of reading."""
    names = parameter_shapes(config.model, len(vocabulary), with_softmax=True, source=Path("config"))
    matching_names(config.training.freeze, names, setting="freeze")
    matching_names(excluded, names, setting="exclude")


def _run(run: Run, prepare: Callable[[Trainer], None] | None = None) -> None:
    find_texts(run.heldout_prefixes)  # a fault there is better told before hours of reading
    own_cache = run.save_dir / "corpora"
    corpus = _prepare(run.train_prefixes, "reading the training text", own_cache)
    heldout = replay = None
    if run.heldout_prefixes:
        heldout = _prepare(run.heldout_prefixes, "reading the heldout text", own_cache)
    if run.replay_prefixes:
        replay = _prepare(run.replay_prefixes, "reading the old text", own_cache)
    _describe_corpus(corpus, run)
    trainer = Trainer(
        run.config, corpus, run.vocabulary, save_dir=run.save_dir, heldout=heldout, replay=replay
    )
    if run.checkpoint is not None:
        for fault in run.faults:
            terminal.warn(f"{fault}; falling back to the checkpoint before")
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
                f"go on from {checkpoints[-1].name} with: elmokit train --save-dir {run.save_dir} --resume"
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


def _prepare(prefixes: list[str], description: str, own_cache: Path) -> Corpus:
    """Prepare a text in the cache, or in the run's own one where that cannot be written."""
    paths = find_texts(prefixes)

    def prepare(cache_dir: Path | None) -> Corpus:
        with terminal.progress_bar(description, total_bytes(paths), "B") as bar:
            return prepare_corpus(paths, cache_dir=cache_dir, on_bytes=bar.update)

    if not is_prepared(paths, own_cache):
        try:
            return prepare(None)
        except OutputError as error:
            terminal.warn(f"{error}; the prepared text is kept in {own_cache} instead")
    return prepare(own_cache)


def _describe_corpus(corpus: Corpus, run: Run) -> None:
    text = IndexedCorpus(corpus, run.vocabulary, max_characters=None)
    terminal.say(
        f"training text: {corpus.num_tokens:,} tokens in {corpus.num_sentences:,} sentences, "
        f"{text.unknown_share:.2%} <UNK>; vocabulary: {len(run.vocabulary):,} words"
    )
    if run.replay_prefixes:
        terminal.say(f"replaying old text as {run.config.training.replay_share:.0%} of the predictions")
    if corpus.num_blank_lines and run.config.training.blank_lines == "skip":
        terminal.say(f"skipped {terminal.counted(corpus.num_blank_lines, 'blank line')}")
    if run.excess_negatives:
        terminal.say(
            f"the full softmax is used: sampling num_negatives={run.excess_negatives:,} of "
            f"{len(run.vocabulary):,} words would hardly save work"
        )
    correlation = text.rank_correlation
    if run.config.training.num_negatives and correlation < _SORTED_ENOUGH:
        terminal.warn(
            f"the vocabulary is not sorted by falling count (rank correlation with the training text "
            f"{correlation:.2f}), as the sampled softmax takes it to be: make it with `elmokit vocabulary`, "
            "or set num_negatives=0"
        )


def _train(trainer: Trainer) -> None:
    config = trainer.config.training
    done = trainer.step * trainer.predictions_per_step
    total = trainer.num_steps * trainer.predictions_per_step
    progress: Progress | None = None
    with (
        _stop_on_signals(trainer) as received,
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
    if progress is not None and progress.stopped:
        terminal.say(
            f"stopped by {received[0].name} after step {progress.step:,}, with a checkpoint; "
            f"go on with: elmokit train --save-dir {trainer.save_dir} --resume"
        )
        # A second Ctrl-C while Python tidies up would be a trace instead of an end.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
        click.get_current_context().exit(128 + received[0])
    if progress is None:
        terminal.say(f"nothing left to do: the run has ended after step {trainer.step:,}")
        return
    if progress.stopped_early:
        terminal.say(f"stopped early: {config.patience} evaluations without a better perplexity")
    terminal.say(
        f"trained {progress.num_predictions:,} tokens in {terminal.duration(trainer.seconds)} "
        f"({progress.tokens_per_second:,.0f} tokens/s); the model is in {trainer.save_dir}"
    )


@contextmanager
def _stop_on_signals(trainer: Trainer) -> Iterator[list[signal.Signals]]:
    """Let the first SIGINT or SIGTERM end training after its step; a second one acts as ever.

    Yields:
        What has been received.
    """
    received: list[signal.Signals] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def stop(number: int, _: object) -> None:
        received.append(signal.Signals(number))
        trainer.request_stop()
        restore()
        # Not by print, which may be what the signal has interrupted.
        os.write(2, b"\nfinishing the step and writing a checkpoint; again to stop at once\n")

    for number in handlers:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        restore()


def _evaluation_line(progress: Progress, evaluation: Evaluation) -> str:
    directions = f"forward {evaluation.forward:.2f}"
    if evaluation.backward is not None:
        directions += f", backward {evaluation.backward:.2f}"
    best = ", best so far" if progress.is_best else ""
    return (
        f"step {progress.step:,}, epoch {progress.epoch:.2f}: heldout perplexity {evaluation.perplexity:.2f} "
        f"({directions}; {evaluation.unk_share:.2%} <UNK>){best}"
    )

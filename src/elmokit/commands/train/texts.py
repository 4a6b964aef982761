"""Reading the texts of a run of `elmokit train`, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs
from elmokit.console.threads import use_threads
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import total_bytes
from elmokit.processes import available_processors

if TYPE_CHECKING:
    from pathlib import Path

    from elmokit.data.corpus import Corpus
    from elmokit.data.find import Part
    from elmokit.training.distributed import Ranks
    from elmokit.training.run_directory import Run
    from elmokit.training.trainer import Trainer


def trainer_of(run: Run, ranks: Ranks, *, is_continued: bool) -> Trainer:
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

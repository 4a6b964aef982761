"""The save directory of a run: what it was started with, and what may change when it resumes.

::

    config.json     the resolved configuration
    options.json    the same as bilm-tf has it, for its scripts and other tools
    vocab.txt       the vocabulary
    texts.json      where training, heldout and replayed text came from
    restart.json    what was restored from an earlier model (see warm_start/report.py)
    metrics.jsonl   records (see journal.py)
    tensorboard/    the same records for TensorBoard
    checkpoints/    see formats/checkpoint.py
    corpora/        prepared text, where the cache is not writable
    .launch         which launch of several processes trains, so that it finds its run after a restart
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.prepare import find_prepared
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, OutputError
from elmokit.files.atomic import new_files, refuse_unwritable, write_text
from elmokit.formats.checkpoint import (
    Checkpoint,
    damage_named,
    list_checkpoints,
    read_last_checkpoint,
    read_values,
)
from elmokit.training.run_checkpoints import another_run_error
from elmokit.training.text_addresses import read_text_addresses, write_text_addresses

# Files of a run, or of a model, that would be replaced or read as one model with those of the run.
_FOREIGN = {"config.json", "vocab.txt", "metrics.jsonl", "texts.json", "restart.json", "options.json"}
_LAUNCH = ".launch"
_FOREIGN_SUFFIXES = {".hdf5", ".h5", ".safetensors"}


@dataclass(frozen=True)
class Run:
    """What a training run works with, as its save directory describes it."""

    save_dir: Path
    config: Config
    vocabulary: Vocabulary
    train_prefixes: list[str]
    heldout_prefixes: list[str]
    replay_prefixes: list[str]
    checkpoint: Checkpoint | None = None
    """The checkpoint to resume from; None for a new run."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with newer checkpoints."""
    excess_negatives: int | None = None
    """The setting of num_negatives, where it is too large for the vocabulary and not used."""

    def write(self) -> None:
        """Write down what the run works with, so that it can resume.

        Raises:
            OutputError: when the directory is not writable, or another run has appeared there meanwhile.
        """
        if self.checkpoint is None:
            _refuse_another_run(self.save_dir)
        write_model_files(self.save_dir, self.config, self.vocabulary)
        write_text_addresses(
            self.save_dir,
            train_prefix=self.train_prefixes,
            heldout_prefix=self.heldout_prefixes,
            replay_prefix=self.replay_prefixes,
        )


def mark_launch(save_dir: Path, launch: str | None) -> None:
    """Write down which launch of several processes trains in a directory, if one does."""
    if launch is not None:
        write_text(save_dir / _LAUNCH, launch + "\n")


def is_run_of_launch(save_dir: Path, launch: str | None) -> bool:
    """Return whether this launch has trained in a directory, and has left a checkpoint there."""
    try:
        same = (save_dir / _LAUNCH).read_text(encoding="utf-8").strip() == launch
    except (OSError, UnicodeDecodeError):
        return False
    return same and bool(list_checkpoints(save_dir))


def write_model_files(save_dir: Path, config: Config, vocabulary: Vocabulary) -> None:
    """Write the configuration and vocabulary of a run's checkpoints, without which they cannot be read.

    The configuration is also written as ``options.json`` of bilm-tf, where its scripts look for it.

    Raises:
        OutputError: when the directory is not writable.
    """
    vocabulary.save(save_dir / "vocab.txt")
    options = config.to_bilm_options(num_words=len(vocabulary))
    texts = {
        save_dir / "config.json": config.model_dump_json(indent=2),
        save_dir / "options.json": json.dumps(options, indent=1),
    }
    with new_files(dict.fromkeys(texts)) as temporary:
        for path, text in texts.items():
            temporary[path].write_text(f"{text}\n", encoding="utf-8")


def start_run(
    save_dir: Path,
    config: Config,
    vocabulary: Vocabulary,
    train_prefixes: list[str],
    heldout_prefixes: list[str],
    replay_prefixes: Sequence[str] = (),
) -> Run:
    """Prepare a new run; nothing is written yet.

    Raises:
        OutputError: when the directory already holds a run, or cannot be made.
    """
    _refuse_another_run(save_dir)
    refuse_foreign_files(save_dir, vocabulary)
    refuse_unwritable(save_dir)
    resolved = config.for_vocabulary(len(vocabulary))
    return Run(
        save_dir,
        resolved,
        vocabulary,
        train_prefixes,
        heldout_prefixes,
        list(replay_prefixes),
        excess_negatives=None if resolved == config else config.training.num_negatives,
    )


def continue_run(
    save_dir: Path,
    config_name: str | None = None,
    overrides: Sequence[str] = (),
    vocab_file: Path | None = None,
    train_prefixes: Sequence[str] = (),
    heldout_prefixes: Sequence[str] = (),
    replay_prefixes: Sequence[str] = (),
    *,
    given: Config | None = None,
) -> Run:
    """Prepare to resume the run of a save directory from its newest undamaged checkpoint.

    Everything is known from the directory. What is given again must agree with it, except for settings
    that do not affect what has been computed, such as ``num_epochs``. A configuration is given by
    its name with overrides, or itself.

    Raises:
        CheckpointError: when there is no run, or another vocabulary is given.
        ConfigError: naming the settings that differ.
    """
    _, checkpoint, problems = read_last_checkpoint(save_dir)
    started = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    if given is None:
        given = Config.load(config_name if config_name is not None else save_dir / "config.json", overrides)
    config = given.for_vocabulary(len(vocabulary))
    refused = started.differences(config)
    if refused:
        raise ConfigError(
            f"{save_dir}: settings differ from those that the run was started with (started, given): "
            + "; ".join(refused)
        )
    if vocab_file is not None and (other := Vocabulary.load(vocab_file)) != vocabulary:
        raise CheckpointError(
            f"{vocab_file}: not the vocabulary that this run was started with ({len(other)} words, expected "
            f"the {len(vocabulary)} of {save_dir / 'vocab.txt'}): leave out --vocab-file, or start a new run"
        )
    prefixes = read_text_addresses(
        save_dir,
        train_prefix=train_prefixes,
        heldout_prefix=heldout_prefixes,
        replay_prefix=replay_prefixes,
    )
    with damage_named(save_dir):
        had_heldout = "heldout text" in checkpoint.trainer["fingerprints"]
    if had_heldout and not prefixes["heldout_prefix"]:
        raise CheckpointError(
            f"{save_dir}: this run was started with heldout text: give the same one with --heldout-prefix, "
            "or start a new run"
        )
    return Run(
        save_dir,
        config,
        vocabulary,
        prefixes["train_prefix"],
        prefixes["heldout_prefix"],
        prefixes["replay_prefix"],
        checkpoint,
        problems,
    )


def training_text_of(model: Path) -> Corpus | None:
    """Return the text that a run was trained on, if this machine has prepared it and still has it.

    It is found by its fingerprint: a model may come from others, and no path or URL in it is followed.

    Args:
        model: a checkpoint of the run.
    """
    try:
        fingerprints = read_values(model)["fingerprints"]
        return find_prepared(str(fingerprints["training text"]))
    except (CheckpointError, KeyError, TypeError):
        return None


def refuse_foreign_files(save_dir: Path, vocabulary: Vocabulary) -> None:
    """Refuse a directory with files that a run would replace, unless they are a run's.

    Args:
        save_dir: where a run is to be saved.
        vocabulary: of the run; a file with the same words does no harm.

    Raises:
        OutputError: naming the files.
    """
    if not save_dir.is_dir() or list_checkpoints(save_dir) or _is_configuration(save_dir / "config.json"):
        return
    foreign = sorted(
        path.name
        for path in save_dir.iterdir()
        if (path.name in _FOREIGN or path.suffix in _FOREIGN_SUFFIXES) and not _has_words(path, vocabulary)
    )
    if foreign:
        raise OutputError(
            f"{save_dir}: contains {', '.join(foreign)} but no training run: choose another directory, so "
            "that these files are not replaced or read as a part of the run"
        )


def _is_configuration(path: Path) -> bool:
    """Whether a file is the configuration of a run, and not that of a model or of something else."""
    try:
        return "model_type" not in path.read_text(encoding="utf-8") and bool(Config.load(path))
    except (OSError, UnicodeDecodeError, ConfigError):
        return False


def _has_words(path: Path, vocabulary: Vocabulary) -> bool:
    try:
        return path.name == "vocab.txt" and Vocabulary.load(path) == vocabulary
    except ElmokitError:
        return False


def _refuse_another_run(save_dir: Path) -> None:
    if list_checkpoints(save_dir):
        raise another_run_error(save_dir)

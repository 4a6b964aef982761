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

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.find import find_texts
from elmokit.data.prepare import find_prepared
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, OutputError
from elmokit.files.atomic import output_error, write_text
from elmokit.files.json_table import read_json
from elmokit.formats.checkpoint import Checkpoint, list_checkpoints, read_last_checkpoint
from elmokit.training.run_checkpoints import another_run_error

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
        texts = {
            "train_prefix": self.train_prefixes,
            "heldout_prefix": self.heldout_prefixes,
            "replay_prefix": self.replay_prefixes,
        }
        write_text(self.save_dir / "texts.json", json.dumps(texts, indent=2) + "\n")


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
    write_text(save_dir / "config.json", config.model_dump_json(indent=2) + "\n")
    options = config.to_bilm_options(num_words=len(vocabulary))
    write_text(save_dir / "options.json", json.dumps(options, indent=1) + "\n")


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
    _refuse_impossible(save_dir)
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
) -> Run:
    """Prepare to resume the run of a save directory from its newest undamaged checkpoint.

    Everything is known from the directory. What is given again must agree with it, except for settings
    that do not affect what has been computed, such as ``num_epochs``.

    Raises:
        CheckpointError: when there is no run, or another vocabulary is given.
        ConfigError: naming the settings that differ.
    """
    _, checkpoint, problems = read_last_checkpoint(save_dir)
    started = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    config = Config.load(config_name if config_name is not None else save_dir / "config.json", overrides)
    config = config.for_vocabulary(len(vocabulary))
    refused = started.differences(config)
    if refused:
        raise ConfigError(
            f"{save_dir}: settings differ from those that the run was started with (started, given): "
            + "; ".join(refused)
        )
    if vocab_file is not None and (given := Vocabulary.load(vocab_file)) != vocabulary:
        raise CheckpointError(
            f"{vocab_file}: not the vocabulary that this run was started with ({len(given)} words, expected "
            f"the {len(vocabulary)} of {save_dir / 'vocab.txt'}): leave out --vocab-file, or start a new run"
        )
    try:
        texts = read_json(save_dir / "texts.json")
        prefixes = {name: list(texts[name]) for name in ("train_prefix", "heldout_prefix", "replay_prefix")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{save_dir / 'texts.json'}: damaged ({error})") from None
    return Run(
        save_dir,
        config,
        vocabulary,
        list(train_prefixes) or prefixes["train_prefix"],
        list(heldout_prefixes) or prefixes["heldout_prefix"],
        list(replay_prefixes) or prefixes["replay_prefix"],
        checkpoint,
        problems,
    )


def _refuse_impossible(save_dir: Path) -> None:
    """Refuse a directory that could not be written, before hours of reading."""
    present = next(path for path in (save_dir, *save_dir.absolute().parents) if path.exists())
    code = None
    if not present.is_dir():
        code = errno.EEXIST if present == save_dir else errno.ENOTDIR
    elif not os.access(present, os.W_OK | os.X_OK):
        code = errno.EACCES
    if code is not None:
        raise output_error(save_dir, OSError(code, os.strerror(code)))


def training_text_of(model: Path) -> Corpus | None:
    """Return the text that a run was trained on, if it is still there as it was, and prepared.

    Args:
        model: the save directory, or a checkpoint in it.
    """
    for directory in (model, *model.parents[:2]):
        try:
            texts = json.loads((directory / "texts.json").read_text(encoding="utf-8"))
            return find_prepared(
                find_texts(texts["train_prefix"], "train"), fallback_dir=directory / "corpora"
            )
        except (OSError, ValueError, KeyError, TypeError, ElmokitError):
            continue
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

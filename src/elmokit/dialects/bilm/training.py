"""Training and evaluation with the functions of bilm-tf's ``training`` and ``data`` modules."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmokit.arguments import checked, instance_of, whole_number
from elmokit.config import Config
from elmokit.config.bilm_options import values_from_options
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.dialects.bilm.dumps import dump_weights
from elmokit.dialects.bilm.vocabulary import load_vocab
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, ElmokitWarning
from elmokit.files.home import expanded
from elmokit.files.leftovers import temporary_directory
from elmokit.formats.checkpoint import list_checkpoints
from elmokit.loading import load
from elmokit.training.bilm_perplexity import bilm_perplexity
from elmokit.training.run_directory import Run, continue_run, start_run
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.restart import restart

__all__ = [
    "BidirectionalLMDataset",
    "LMDataset",
    "dump_weights",
    "load_options_latest_checkpoint",
    "load_vocab",
    "test",
    "train",
]

_logger = logging.getLogger(__name__)
_STEPS_BETWEEN_LOGS = 100  # as in bilm-tf


class LMDataset:
    """Text to train on or to evaluate, and its vocabulary.

    Args:
        filepattern: path or glob of the text, one tokenized sentence per line.
        vocab: of the model.
        reverse: must be False; a model's directions are those of its options.
        test: has no effect: :func:`test` reads the text once, and :func:`train` for ``n_epochs``.
        shuffle_on_load: has no effect: training text is always shuffled.

    Raises:
        ConfigError: if ``reverse`` is True.
    """

    @checked
    def __init__(
        self,
        filepattern: str,
        vocab: Vocabulary,
        reverse: bool = False,
        test: bool = False,
        shuffle_on_load: bool = False,
    ) -> None:
        if reverse:
            raise ConfigError("reverse: expected False, got True: options with bidirectional train both")
        self.filepattern, self.vocab = filepattern, instance_of("vocab", vocab, Vocabulary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.filepattern!r}, {self.vocab!r})"


class BidirectionalLMDataset(LMDataset):
    """The same for a model of both directions."""

    @checked
    def __init__(
        self, filepattern: str, vocab: Vocabulary, test: bool = False, shuffle_on_load: bool = False
    ) -> None:
        super().__init__(filepattern, vocab, test=test, shuffle_on_load=shuffle_on_load)


@checked
def load_options_latest_checkpoint(tf_save_dir: str | Path) -> tuple[dict[str, Any], str]:
    """Return the options of a run and the path of its newest checkpoint.

    Args:
        tf_save_dir: a training directory of bilm-tf or of elmokit. For one of bilm-tf, the path is that of
            the directory, from which :func:`elmokit.load` takes the newest checkpoint.

    Raises:
        ModelFileError: if there is no model.
    """
    directory = expanded(tf_save_dir)
    config = load(directory).config  # checks that it can be read
    path = directory / "options.json"
    options = (
        json.loads(path.read_text(encoding="utf-8"))
        if path.is_file()
        else config.to_bilm_options(num_words=None)
    )
    checkpoints = list_checkpoints(directory)
    return options, str(checkpoints[-1] if checkpoints else directory)


@checked
def train(
    options: Mapping[str, Any],
    data: LMDataset,
    n_gpus: int,
    tf_save_dir: str | Path,
    tf_log_dir: str | Path | None = None,
    restart_ckpt_file: str | Path | None = None,
) -> None:
    """Train a biLM, or resume training in a directory that holds this run.

    Progress is logged: ``logging.basicConfig(level=logging.INFO)`` shows it.

    Args:
        options: the dictionary that bilm-tf's training scripts define.
        data: text and vocabulary.
        n_gpus: number of processes that train together, each on a GPU of its own if there are any; each
            computes ``batch_size`` rows. With more than one, they are those of ``elmokit train``, which
            prints what it does.
        tf_save_dir: the save directory; records for TensorBoard are written below it.
        tf_log_dir: has no effect.
        restart_ckpt_file: model to continue from, in any format that :func:`elmokit.load` reads; its
            vocabulary may be another one.

    Raises:
        ConfigError: if an option is wrong, or is another one than the run in the directory was started with.
        CheckpointError: if that run has another vocabulary or text.
        OutputError: if the directory holds files of something else.
        ElmokitError: if one of several processes has failed.

    Warns:
        ElmokitWarning: if the run in the directory has finished, so that nothing is done.
    """
    n_gpus = whole_number("n_gpus", n_gpus, least=1)
    directory = expanded(tf_save_dir)
    config = _config({**options, "n_gpus": n_gpus})
    if n_gpus > 1:
        _train_in_processes(config, data, directory, restart_ckpt_file)
        return
    if list_checkpoints(directory):
        _refuse_another_vocabulary(directory, data)
    run: Run = (
        continue_run(directory, train_prefixes=[data.filepattern], given=config)
        if list_checkpoints(directory)
        else start_run(directory, config, data.vocab, [data.filepattern], [])
    )
    trainer = Trainer(run.config, prepare_corpus(data.filepattern), run.vocabulary, save_dir=directory)
    if run.checkpoint is not None:
        trainer.load_checkpoint(run.checkpoint)
    elif restart_ckpt_file is not None:
        restart(trainer, load(restart_ckpt_file, softmax=True, optimizer=True))
    run.write()
    progress = None
    for progress in trainer.run():
        if progress.step % _STEPS_BETWEEN_LOGS == 0:
            _logger.info("%r", progress)
    if progress is None:
        warnings.warn(
            f"{directory}: nothing to do: this run has finished, after step {trainer.step:,}. To train on, "
            "give another tf_save_dir and this model as restart_ckpt_file",
            ElmokitWarning,
            stacklevel=3,
        )


def _train_in_processes(
    config: Config, data: LMDataset, directory: Path, restart_ckpt_file: str | Path | None
) -> None:
    from elmokit.training.launch import launch  # not needed by those who import the other functions

    arguments = ["train", "--save-dir", str(directory), "--train-prefix", data.filepattern]
    with temporary_directory() as temporary:
        config.save(Path(temporary, "config.json"))
        arguments += ["--config", f"{temporary}/config.json"]
        if list_checkpoints(directory):
            _refuse_another_vocabulary(directory, data)
            arguments.append("--resume")
        else:
            data.vocab.save(Path(temporary, "vocab.txt"))
            arguments += ["--vocab-file", f"{temporary}/vocab.txt"]
            if restart_ckpt_file is not None:
                arguments += ["--restart-ckpt-file", str(restart_ckpt_file)]
        status = launch(arguments, config.training.num_processes)
    if status:
        raise ElmokitError(
            f"{directory}: training in {config.training.num_processes} processes has ended with status "
            f"{status}: the lines above say why"
        )


@checked
def test(options: Mapping[str, Any], ckpt_file: str | Path, data: LMDataset, batch_size: int = 256) -> float:
    """Return the perplexity of a model on a text as bilm-tf computes it, which depends on ``batch_size``.

    Args:
        options: have no effect; the model knows its own.
        ckpt_file: a model in any format that :func:`elmokit.load` reads.
        data: the text; the vocabulary is the model's own.
        batch_size: number of sentences to run together.

    Raises:
        ModelFileError: if the model cannot be read or has no softmax.
    """
    batch_size = whole_number("batch_size", batch_size, least=1)
    pretrained = load(ckpt_file, softmax=True)
    vocabulary = pretrained.require_softmax()
    corpus = prepare_corpus(data.filepattern)
    return bilm_perplexity(pretrained.model, corpus, vocabulary, batch_size=batch_size)


def _refuse_another_vocabulary(directory: Path, data: LMDataset) -> None:
    if (own := Vocabulary.load(directory / "vocab.txt")) != data.vocab:
        raise CheckpointError(
            f"{directory}: the run there has another vocabulary ({len(own)} words, the data has "
            f"{len(data.vocab)}): give its own, or another tf_save_dir and this model as restart_ckpt_file"
        )


def _config(options: Mapping[str, Any]) -> Config:
    return Config.parse(values_from_options(options, source="options"), source="options")

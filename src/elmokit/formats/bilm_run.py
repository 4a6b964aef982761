"""Reading a bilm-tf training directory: TensorFlow checkpoints with softmax, beside ``options.json``."""

from __future__ import annotations

from pathlib import Path

from elmokit.config import Config
from elmokit.formats.tf_checkpoint import find_checkpoint, read_checkpoint
from elmokit.formats.vocabulary_rows import read_vocabulary, with_rows
from elmokit.pretrained import OptimizerState, PretrainedModel, model_from_tensors


def checkpoint_prefix(directory: Path) -> Path | None:
    """The latest TensorFlow checkpoint in a directory, such as ``.../model.ckpt-90``; None without any."""
    if not any(directory.glob("*.index")):
        return None
    return find_checkpoint(directory)


def read_bilm_run(
    prefix: Path, options: Path, *, vocabulary: Path | None = None, with_optimizer: bool = False
) -> PretrainedModel:
    """Read a TensorFlow checkpoint of bilm-tf.

    Args:
        prefix: of the checkpoint's files.
        options: the ``options.json``.
        vocabulary: one word a line.
        with_optimizer: read Adagrad's accumulators as well, where they are.

    Raises:
        ModelFileError: when a file is damaged, or tensors do not fit the options.
        ConfigError: when the options are wrong.
    """
    config = Config.load(options)
    checkpoint = read_checkpoint(prefix, config.model, with_accumulators=with_optimizer)
    num_words = checkpoint.num_words
    words = read_vocabulary(vocabulary, num_words, f"{prefix.name} predicts {num_words}", config.model)
    tensors = with_rows(checkpoint.parameters, words.rows)
    model = model_from_tensors(config, num_words, tensors, with_softmax=True)
    facts = {"step": checkpoint.step}
    accumulators = with_rows(checkpoint.accumulators, words.rows)
    return PretrainedModel(
        model,
        config,
        words.vocabulary,
        prefix,
        facts,
        vocabulary_fault=words.fault,
        vocabulary_rows=words.rows,
        optimizer_state=(
            OptimizerState("adagrad", {"sum": accumulators}, checkpoint.step) if accumulators else None
        ),
    )

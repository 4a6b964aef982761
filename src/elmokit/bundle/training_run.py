"""Reading the save directory of a training run."""

from __future__ import annotations

from pathlib import Path

from elmokit.bundle.pretrained import PretrainedModel, expected_shapes, faults_of, model_from_tensors
from elmokit.checkpoint import read_best_model
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError


def read_training_run(save_dir: Path) -> PretrainedModel:
    """The best checkpoint of a run, or its last without heldout text.

    Raises:
        CheckpointError: when there is no checkpoint, or it is damaged or of another run.
    """
    config = Config.load(save_dir / "config.json")
    vocabulary = Vocabulary.load(save_dir / "vocab.txt")
    directory, tensors, trainer = read_best_model(save_dir)
    shapes = expected_shapes(config, len(vocabulary), with_softmax=True, source=save_dir / "config.json")
    faults = faults_of(tensors, shapes)
    if faults:
        raise CheckpointError(
            f"{directory}: does not fit config.json and vocab.txt of its run ({len(vocabulary)} words): "
            + "; ".join(faults)
        )
    if trainer["fingerprints"]["vocabulary"] != vocabulary.fingerprint:
        raise CheckpointError(
            f"{save_dir / 'vocab.txt'}: not this run's vocabulary (fingerprint {vocabulary.fingerprint}, "
            f"expected {trainer['fingerprints']['vocabulary']}): put the right one back"
        )
    model = model_from_tensors(config, len(vocabulary), tensors, with_softmax=True)
    facts = {key: trainer[key] for key in ("step", "best_step", "best_perplexity", "seconds")}
    return PretrainedModel(model, config, vocabulary, directory, facts)

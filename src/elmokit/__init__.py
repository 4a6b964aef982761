"""elmokit: deep contextualized word vectors from bidirectional LSTM language models.

>>> import elmokit
>>> embedder = elmokit.ElmoEmbedder.load("model")
>>> vectors = embedder.embed([["One", "word", ",", "many", "vectors"]])

Importing is cheap: PyTorch is loaded when the first name that needs it is used.
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

from elmokit._moved import MovedModules
from elmokit._version import __version__

if TYPE_CHECKING:
    from elmokit.batch import Batch
    from elmokit.config import Config
    from elmokit.data.corpus import Corpus
    from elmokit.data.prepare import prepare_corpus
    from elmokit.data.vocabulary import Vocabulary
    from elmokit.downstream.classification.classifier import TextClassifier
    from elmokit.downstream.tagging.tagger import SequenceTagger
    from elmokit.elmo import Elmo, batch_to_ids
    from elmokit.embedder import ElmoEmbedder
    from elmokit.errors import ElmokitError
    from elmokit.language_model import LanguageModel
    from elmokit.loading import load
    from elmokit.model.bilm import BiLM, BiLMOutput
    from elmokit.neighbors.index import NeighborIndex
    from elmokit.pretrained import PretrainedModel
    from elmokit.repository.catalog import published
    from elmokit.training.evaluation import Evaluation, evaluate
    from elmokit.training.trainer import Trainer
    from elmokit.training.warm_start.restart import restart, restart_config
    from elmokit.visualize.curves import plot_curves
    from elmokit.visualize.figures import save_figure
    from elmokit.visualize.plots import plot_occurrences
    from elmokit.visualize.projector import ProjectorLog, write_projector

_HOMES = {
    "Batch": "elmokit.batch",
    "BiLM": "elmokit.model.bilm",
    "BiLMOutput": "elmokit.model.bilm",
    "Config": "elmokit.config",
    "Corpus": "elmokit.data.corpus",
    "Elmo": "elmokit.elmo",
    "ElmoEmbedder": "elmokit.embedder",
    "ElmokitError": "elmokit.errors",
    "Evaluation": "elmokit.training.evaluation",
    "LanguageModel": "elmokit.language_model",
    "NeighborIndex": "elmokit.neighbors.index",
    "PretrainedModel": "elmokit.pretrained",
    "ProjectorLog": "elmokit.visualize.projector",
    "SequenceTagger": "elmokit.downstream.tagging.tagger",
    "TextClassifier": "elmokit.downstream.classification.classifier",
    "Trainer": "elmokit.training.trainer",
    "Vocabulary": "elmokit.data.vocabulary",
    "batch_to_ids": "elmokit.elmo",
    "evaluate": "elmokit.training.evaluation",
    "load": "elmokit.loading",
    "plot_curves": "elmokit.visualize.curves",
    "plot_occurrences": "elmokit.visualize.plots",
    "prepare_corpus": "elmokit.data.prepare",
    "published": "elmokit.repository.catalog",
    "restart": "elmokit.training.warm_start.restart",
    "restart_config": "elmokit.training.warm_start.restart",
    "save_figure": "elmokit.visualize.figures",
    "write_projector": "elmokit.visualize.projector",
}

__all__ = [
    "Batch",
    "BiLM",
    "BiLMOutput",
    "Config",
    "Corpus",
    "Elmo",
    "ElmoEmbedder",
    "ElmokitError",
    "Evaluation",
    "LanguageModel",
    "NeighborIndex",
    "PretrainedModel",
    "ProjectorLog",
    "SequenceTagger",
    "TextClassifier",
    "Trainer",
    "Vocabulary",
    "__version__",
    "batch_to_ids",
    "evaluate",
    "load",
    "plot_curves",
    "plot_occurrences",
    "prepare_corpus",
    "published",
    "restart",
    "restart_config",
    "save_figure",
    "write_projector",
]


_RENAMED = {"plot_uses": "plot_occurrences"}
"""Old public name → new one; for one version, with a warning."""

sys.meta_path.append(MovedModules())

# Whether and where log messages appear is up to the program that uses elmokit.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        new_name = _RENAMED[name]
        warnings.warn(f"elmokit.{name} is now elmokit.{new_name}", DeprecationWarning, stacklevel=2)
        name = new_name
    if name not in _HOMES:
        raise AttributeError(f"module 'elmokit' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

"""What a text classifier has learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from elmokit.downstream.classification import calibration
from elmokit.downstream.classification.checks import warn_of_labels, warn_of_overlap
from elmokit.downstream.classification.label_set import Labels, LabelSet, as_tuples
from elmokit.downstream.classification.network import ClassifierNetwork
from elmokit.downstream.classification.pieces import cut_into_pieces
from elmokit.downstream.classification.seen_texts import rows_seen, text_hashes
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.classification.splitting import split_off
from elmokit.downstream.classification.training import Part, logits_of, train
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import batch_of
from elmokit.downstream.fitting import Epoch
from elmokit.downstream.progress import Progress
from elmokit.errors import ElmokitError

Texts: TypeAlias = Sequence[str | Sequence[str]]
"""Plain strings, which are tokenized, or lists of tokens."""


@dataclass(frozen=True)
class Fitted:
    """A trained network with everything that is needed to use it."""

    settings: ClassifierSettings
    embeddings: tuple[TokenEmbedding, ...]
    label_set: LabelSet
    network: ClassifierNetwork
    """In evaluation mode."""
    temperature: float
    seen: np.ndarray
    """Hashes of the texts that it was trained with, dev texts included."""
    training: dict[str, Any]
    """What is known of the training, as JSON can hold it."""

    def probabilities(self, texts: Texts) -> np.ndarray:
        """Return the calibrated probabilities (N, K) of the labels of texts."""
        pieces = cut_into_pieces(texts, self.settings.max_tokens, self.settings.tokenize)
        device = next(self.network.parameters()).device
        logits = logits_of(
            self.network,
            pieces,
            np.argsort(pieces.lengths, kind="stable"),
            lambda rows: batch_of(
                self.embeddings,
                [pieces.sentences[row] for row in rows],
                fine_tune=self.settings.fine_tune,
                device=device,
            ),
            self.settings.fit.batch_size,
        )
        return calibration.probabilities(
            logits, self.temperature, is_multi_label=self.label_set.is_multi_label
        )


def labelled_part(
    texts: Texts, labels: Labels, label_set: LabelSet, settings: ClassifierSettings, what: str
) -> Part:
    """Return texts with their labels, tokenized and cut into pieces.

    Raises:
        ElmokitError: if there are none, or not as many labels as texts.
    """
    if len(texts) != len(labels):
        raise ElmokitError(f"expected a label for each of {len(texts)} {what} texts, got {len(labels)}")
    if not len(texts):
        raise ElmokitError(f"no {what} texts: expected at least one")
    pieces = cut_into_pieces(texts, settings.max_tokens, settings.tokenize)
    return Part(pieces, as_tuples(labels, label_set.is_multi_label, f"{what} labels"))


def fit_texts(
    embeddings: tuple[TokenEmbedding, ...],
    settings: ClassifierSettings,
    texts: Texts,
    labels: Labels,
    dev: tuple[Texts, Labels] | None,
    *,
    device: torch.device,
    progress: Progress,
    on_epoch: Callable[[Epoch], object],
) -> Fitted:
    """Train on texts; see :meth:`TextClassifier.fit`."""
    label_set = LabelSet.of(labels)
    train_part = labelled_part(texts, labels, label_set, settings, "training")
    seen = text_hashes(train_part.pieces)
    if dev is None:
        train_rows, dev_rows = split_off(train_part.labels, seen, settings.dev_share, settings.fit.seed)
        train_part, dev_part = (
            labelled_part(
                [texts[k] for k in rows], [labels[k] for k in rows], label_set, settings, "training"
            )
            for rows in (train_rows, dev_rows)
        )
    else:
        dev_part = labelled_part(*dev, label_set, settings, "dev")
        if rows := rows_seen(seen, dev_part.pieces):
            warn_of_overlap(rows, len(dev_part), "dev", "early stopping and calibration cannot be trusted")
        seen = np.concatenate([seen, text_hashes(dev_part.pieces)])
    if unseen := label_set.unseen(dev_part.labels):
        warn_of_labels(unseen, "dev")
    trained = train(
        embeddings,
        label_set,
        train_part,
        dev_part,
        settings,
        device=device,
        progress=progress,
        on_epoch=on_epoch,
    )
    training = {
        "is_multi_label": label_set.is_multi_label,
        "num_train": len(train_part),
        "num_dev": len(dev_part),
        "dev_is_split_off": dev is None,
        "num_epochs": len(trained.epochs),
        "best_epoch": max((own.number for own in trained.epochs if own.is_best), default=0),
        "dev_accuracy": trained.dev.accuracy,
        "dev_macro_f1": trained.dev.macro_f1,
        "temperature": trained.temperature,
        "calibration_error": trained.dev.calibration_error,
        "calibration_error_before": trained.calibration_error_before,
    }
    return Fitted(
        settings, embeddings, label_set, trained.network, trained.temperature, np.unique(seen), training
    )

"""Training a text classifier on labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from elmokit.downstream.classification import calibration
from elmokit.downstream.classification.label_set import LabelSet
from elmokit.downstream.classification.network import ClassifierNetwork
from elmokit.downstream.classification.pieces import Pieces
from elmokit.downstream.classification.report import ClassificationReport, report
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import FeatureBatch, Features
from elmokit.downstream.fitting import Epoch, fit
from elmokit.downstream.progress import Progress, no_progress
from elmokit.downstream.seeding import seeded
from elmokit.errors import ConfigError
from elmokit.model.parallel import without_barriers

_LOSS_WEIGHT = 1e-9


@dataclass(frozen=True)
class Part:
    """Labelled texts, ready for a network."""

    pieces: Pieces
    labels: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return self.pieces.num_texts


@dataclass(frozen=True)
class Trained:
    """A trained network and how it became what it is."""

    network: ClassifierNetwork
    temperature: float
    """What logits are divided by, so that probabilities fit the dev texts."""
    epochs: tuple[Epoch, ...]
    dev: ClassificationReport
    """On the dev texts, with the temperature that was chosen on them."""
    calibration_error_before: float
    """On the dev texts, without the temperature."""


def train(
    embeddings: Sequence[TokenEmbedding],
    label_set: LabelSet,
    train_part: Part,
    dev_part: Part,
    settings: ClassifierSettings,
    *,
    device: torch.device,
    progress: Progress = no_progress,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> Trained:
    """Train a network until its dev score no longer improves, then scale its temperature on the dev texts.

    Args:
        embeddings: what the texts are read through.
        label_set: the labels to learn.
        train_part: the texts to train with.
        dev_part: the texts to stop and to scale on.
        settings: see :class:`ClassifierSettings`.
        device: where the network is trained.
        progress: shows what is done.
        on_epoch: called after each epoch.

    Raises:
        ConfigError: if the texts have no tokens.
        ElmokitError: if a loss is not finite.
    """
    pieces = train_part.pieces
    if not pieces.lengths.any():
        raise ConfigError("the training texts have no tokens")
    with progress("embedding", len(pieces.sentences) + len(dev_part.pieces.sentences), "text") as bar:
        data, dev_data = (
            Features(embeddings, part.pieces.sentences, fine_tune=settings.fine_tune, on_sentences=bar.update)
            for part in (train_part, dev_part)
        )
    with seeded(settings.fit.seed):
        network = ClassifierNetwork(embeddings, len(label_set.names), settings).to(device)
    targets = torch.from_numpy(label_set.targets(train_part.labels)[pieces.text_of]).to(device)
    weights = torch.from_numpy(_weights(label_set, train_part, settings).astype(np.float32)).to(device)

    def loss_of(rows: Sequence[int]) -> Tensor:
        own = torch.as_tensor(rows, device=device)
        losses = _losses(network(data.batch(rows, device)), targets[own], label_set)  # (B,)
        return (losses * weights[own]).sum() / weights[own].sum()

    def dev_logits() -> np.ndarray:
        rows = np.argsort(dev_part.pieces.lengths, kind="stable")
        return logits_of(
            network, dev_part.pieces, rows, lambda own: dev_data.batch(own, device), settings.fit.batch_size
        )

    dev_targets = label_set.targets(dev_part.labels)
    network.eval()
    epochs: list[Epoch] = []
    with progress("training", settings.fit.max_epochs * len(pieces.sentences), "text") as bar:
        for epoch in fit(
            network,
            loss_of,
            pieces.lengths,
            lambda: _score(label_set, dev_part, dev_targets, dev_logits(), settings),
            settings.fit,
            on_step=bar.update,
        ):
            epochs.append(epoch)
            best = max(own.dev_score for own in epochs)
            bar.set_postfix_str(f"epoch {epoch.number}, dev {epoch.dev_score:.4f}, best {best:.4f}", False)
            on_epoch(epoch)
    logits = dev_logits()
    is_known = dev_targets.sum(axis=1) == 1 if not label_set.is_multi_label else np.ones(len(logits), bool)
    temperature = calibration.best_temperature(
        logits[is_known], dev_targets[is_known], is_multi_label=label_set.is_multi_label
    )
    before, after = (
        report(
            label_set,
            dev_part.labels,
            calibration.probabilities(logits, own, is_multi_label=label_set.is_multi_label),
        )
        for own in (1.0, temperature)
    )
    return Trained(network, temperature, tuple(epochs), after, before.calibration_error)


@without_barriers()
@torch.inference_mode()
def logits_of(
    network: ClassifierNetwork,
    pieces: Pieces,
    rows: np.ndarray,
    batch: Callable[[list[int]], FeatureBatch],
    batch_size: int,
    on_rows: Callable[[int], object] = lambda number: None,
) -> np.ndarray:
    """Return the logits (N, K) of texts, averaged over the pieces of each.

    Args:
        network: in evaluation mode.
        pieces: of the texts.
        rows: indexes of the pieces in the order in which they are run; those of similar length together.
        batch: returns the vectors of pieces.
        batch_size: number of pieces to run together.
        on_rows: called with the number of pieces of each batch.
    """
    found = np.zeros((len(rows), network.outputs.out_features), dtype=np.float64)
    for start in range(0, len(rows), batch_size):
        own = rows[start : start + batch_size].tolist()
        found[own] = network(batch(own)).cpu().double().numpy()
        on_rows(len(own))
    return pieces.averaged(found)


def _losses(logits: Tensor, targets: Tensor, label_set: LabelSet) -> Tensor:
    if label_set.is_multi_label:
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
    return -(targets * torch.log_softmax(logits, dim=1)).sum(dim=1)


def _weights(label_set: LabelSet, part: Part, settings: ClassifierSettings) -> np.ndarray:
    """Return the weight (P,) of each piece; without ``balanced``, all texts have the weight 1."""
    weights = part.pieces.weights
    if settings.balanced:
        targets = label_set.targets(part.labels)
        counts = np.maximum(targets.sum(axis=0), 1)
        of_label = len(part) / (len(label_set.names) * counts)  # (K,)
        has_label = np.maximum(targets.sum(axis=1), 1)
        of_text = np.where(targets.any(axis=1), (targets * of_label).sum(axis=1) / has_label, 1.0)
        weights = weights * of_text[part.pieces.text_of]
    return weights


def _score(
    label_set: LabelSet, part: Part, targets: np.ndarray, logits: np.ndarray, settings: ClassifierSettings
) -> float:
    loss = calibration.loss(logits, targets, 1.0, is_multi_label=label_set.is_multi_label)
    if settings.dev_metric == "loss":
        return -loss
    found = report(
        label_set,
        part.labels,
        calibration.probabilities(logits, 1.0, is_multi_label=label_set.is_multi_label),
    )
    metric = found.macro_f1 if settings.dev_metric == "macro_f1" else found.accuracy
    # Among epochs that classify a small dev part equally well, the one that is surest of it is the best.
    return metric - _LOSS_WEIGHT * loss

"""Judging pairs: is a word meant in the same sense, do two sentences mean the same, and how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from elmokit.arguments import checked
from elmokit.config.validation import describe_errors
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.fitting import Epoch, fit
from elmokit.downstream.progress import Progress, no_progress
from elmokit.downstream.saved import embeddings_of_saved, read_model, save_model
from elmokit.downstream.seeding import seeded
from elmokit.downstream.words.card import pair_card
from elmokit.downstream.words.pair_data import Kind, Pairs, same_pairs
from elmokit.downstream.words.pair_scores import main_score, pair_scores
from elmokit.downstream.words.pair_settings import PairSettings
from elmokit.downstream.words.vectors import layers_of, occurrence_vectors
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.files.home import expanded
from elmokit.model.parallel import without_barriers

Method = Literal["cosine", "classifier"]

_KIND = "pairs"


class PairNetwork(nn.Module):
    """From the vectors u and v of both sides to one number.

    The features of each layer are the cosine of u and v, |u - v| and u * v of unit vectors, standardized
    over the training data.

    Args:
        num_features: number of features.
        settings: sizes.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, num_features: int, settings: PairSettings) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("deviation", torch.ones(num_features))
        width = settings.hidden_dim or num_features
        hidden = [nn.Linear(num_features, width), nn.Tanh()] if settings.hidden_dim else []
        self.layers = nn.Sequential(
            nn.Dropout(settings.dropout),
            *hidden,
            nn.Dropout(settings.dropout if hidden else 0),
            nn.Linear(width, 1),
        )

    @without_barriers()
    def standardize(self, features: Tensor) -> None:
        """Take mean and deviation from the features (N, ·) of the training data."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0, correction=0).clamp(min=1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """Return a number (N,) for the features (N, ·) of each pair."""
        numbers: Tensor = self.layers((features - self.mean) / self.deviation)
        return numbers.squeeze(1)


class PairModel:
    """Judges pairs of words in context, or of sentences, whose vectors are the mean over the words.

    ``cosine`` compares the vectors of one layer, or of the average, with a threshold; both are chosen on the
    training data. ``classifier`` is a network on the vectors of all layers.

    Args:
        embeddings: the embeddings.
        method: ``cosine`` or ``classifier``.
        kind: what it predicts: ``label`` or ``score``.
        of_words: whether it compares words.
        tensors: what was learned.
        settings: those of the network.
        dev_scores: figures on the dev data.
    """

    def __init__(
        self,
        embeddings: Sequence[TokenEmbedding],
        method: Method,
        kind: Kind,
        of_words: bool,
        tensors: dict[str, Tensor],
        settings: PairSettings,
        dev_scores: dict[str, float] | None = None,
    ) -> None:
        self.embeddings = tuple(embeddings)
        self.method, self.kind, self.of_words = method, kind, of_words
        self.settings = settings
        self.dev_scores = dict(dev_scores or {})
        self._network: PairNetwork | None = None
        if method == "classifier":
            self._network = PairNetwork(len(tensors["mean"]), settings)
            self._network.load_state_dict(tensors)
            self._network.eval()
        self.tensors = tensors

    def __repr__(self) -> str:
        names = "+".join(embedding.name for embedding in self.embeddings)
        return f"PairModel({names!r}, {self.method}, {'words' if self.of_words else 'sentences'})"

    @classmethod
    @checked
    def train(
        cls,
        train: Pairs,
        dev: Pairs,
        embeddings: Sequence[TokenEmbedding],
        *,
        method: Method = "classifier",
        settings: PairSettings | None = None,
        progress: Progress = no_progress,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    ) -> PairModel:
        """Train on pairs with targets; the best epoch is chosen by the dev data.

        Args:
            train: pairs with targets.
            dev: other pairs with targets; not those that figures are reported on.
            embeddings: the embeddings.
            method: ``cosine`` or ``classifier``.
            settings: those of the network.
            progress: shows what is done.
            on_epoch: called after each epoch.

        Raises:
            ConfigError: if there is no such method.
            ElmokitError: if the data is the same, of another kind, has no targets, or a single one.
        """
        if method not in get_args(Method):
            raise ConfigError(f"method: expected {' or '.join(get_args(Method))}, got {method!r}")
        settings = settings or PairSettings()
        targets, dev_targets = _targets(train), _targets(dev)
        if (dev.kind, dev.of_words) != (train.kind, train.of_words):
            raise ElmokitError(f"{dev.name}: other columns than {train.name}: expected the same ones")
        if same_pairs(train, dev):
            raise ElmokitError(f"{dev.name}: the same pairs as {train.name}: give other pairs as dev data")
        if len(np.unique(targets)) < 2:
            raise ElmokitError(
                f"{train.name}: all pairs have the {train.kind} {targets[0]:g}, expected at least two "
                "different ones"
            )
        layers = _pair_layers(embeddings, train, progress)
        dev_layers = _pair_layers(embeddings, dev, progress)
        if method == "cosine":
            tensors = _best_threshold(_cosines(layers), targets, train.kind)
        else:
            features, dev_features = _features(layers), _features(dev_layers)
            tensors = _fit(
                features, targets, dev_features, dev_targets, train.kind, settings, progress, on_epoch
            )
        model = cls(embeddings, method, train.kind, train.of_words, tensors, settings)
        model.dev_scores = pair_scores(model._judge(dev_layers), dev_targets, train.kind)
        return model

    @checked
    def predict(self, pairs: Pairs, *, progress: Progress = no_progress) -> np.ndarray:
        """Return (N,) for each pair the probability that it is the same, not calibrated, or its score.

        For ``cosine`` and labels it is 1 or 0; for scores the cosine itself.

        Raises:
            ElmokitError: if these are words and the model was trained with sentences, or the reverse.
        """
        if pairs.of_words != self.of_words:
            kinds = ("words with index1 and index2", "sentences without index1 and index2")
            expected, got = kinds if self.of_words else kinds[::-1]
            raise ElmokitError(f"{pairs.name}: expected {expected}, as the model was trained with, got {got}")
        return self._judge(_pair_layers(self.embeddings, pairs, progress))

    @checked
    def evaluate(self, pairs: Pairs, *, progress: Progress = no_progress) -> dict[str, float]:
        """Compare predictions with the targets of pairs; see :func:`pair_scores`.

        Raises:
            ElmokitError: if they have no targets, or others than the training data.
        """
        targets = _targets(pairs)
        if pairs.kind != self.kind:
            raise ElmokitError(
                f"{pairs.name}: expected a column with a {self.kind}, as the model was trained with"
            )
        return pair_scores(self.predict(pairs, progress=progress), targets, self.kind)

    @checked
    def save(self, directory: str | Path) -> None:
        """Write the model; see :meth:`load`.

        Raises:
            OutputError: if it cannot be written, or something else is there.
        """
        values = {
            "method": self.method,
            "target": self.kind,
            "of_words": self.of_words,
            "settings": self.settings.model_dump(mode="json"),
            "dev_scores": self.dev_scores,
        }
        names = "+".join(embedding.name for embedding in self.embeddings)
        card = pair_card(
            names, self.method, "words in context" if self.of_words else "sentences", self.dev_scores
        )
        save_model(expanded(directory), _KIND, self.embeddings, values, self.tensors, card)

    @classmethod
    @checked
    def load(
        cls,
        directory: str | Path,
        *,
        embedding: str | None = None,
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
    ) -> PairModel:
        """Load what :meth:`save` has written.

        Args:
            directory: the directory.
            embedding: where its embeddings are now; by default where they were.
            device: where biLMs run.
            progress: shows what is done.

        Raises:
            ModelFileError: if it is missing or damaged, or the embeddings are not those it was trained with.
        """
        saved = read_model(expanded(directory), _KIND)
        embeddings = embeddings_of_saved(saved, embedding, device=device, progress=progress)
        values, place = saved.values, f"{saved.path}/config.json"
        if values.get("method") not in get_args(Method) or values.get("target") not in get_args(Kind):
            raise ModelFileError(f"{place}: not what elmokit writes: method and target")
        try:
            settings = PairSettings.model_validate(values.get("settings"))
            return cls(
                embeddings,
                values["method"],
                values["target"],
                bool(values.get("of_words")),
                saved.tensors,
                settings,
                values.get("dev_scores"),
            )
        except ValidationError as error:
            message = describe_errors(error, list(PairSettings.model_fields))
            raise ModelFileError(f"{place}: settings: {message}") from None
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelFileError(f"{saved.path}: the weights do not fit config.json: {error}") from None

    def _judge(self, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        if self._network is None:
            column = int(self.tensors["column"])
            cosines = _cosines(layers)[:, column]
            is_label = self.kind == "label"
            return (cosines >= float(self.tensors["threshold"])).astype(float) if is_label else cosines
        return _numbers(self._network, torch.from_numpy(_features(layers)), self.kind)


def _targets(pairs: Pairs) -> np.ndarray:
    if pairs.targets is None:
        raise ElmokitError(f"{pairs.name}: has neither labels nor scores: expected a column with them")
    return pairs.targets


def _pair_layers(
    embeddings: Sequence[TokenEmbedding], pairs: Pairs, progress: Progress
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the unit vectors u and v (N, D) of each layer, and of the average of an embedding's layers."""
    with progress("embedding", 2 * len(pairs), "sent") as bar:
        sides = []
        for side in (pairs.first, pairs.second):
            vectors = occurrence_vectors(embeddings, side, on_sentences=bar.update)
            averages = [own.mean(axis=1, keepdims=True) for own in vectors if own.shape[1] > 1]
            sides.append(layers_of([*vectors, *averages]))
    return list(zip(*sides, strict=True))


def _cosines(layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.stack([(u * v).sum(axis=1) for u, v in layers], axis=1)


def _features(layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return float32 (N, ·): the cosine of each layer, |u - v| and u * v."""
    parts = [_cosines(layers), *(np.abs(u - v) for u, v in layers), *(u * v for u, v in layers)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _best_threshold(cosines: np.ndarray, targets: np.ndarray, kind: Kind) -> dict[str, Tensor]:
    """Choose the layer, and for labels the threshold, by the score on the given pairs."""
    best: tuple[float, int, float] = (-2.0, 0, 0.0)
    for column, own in enumerate(cosines.T):
        if kind == "score":
            best = max(best, (main_score(pair_scores(own, targets, kind)), column, 0.0))
            continue
        order = np.argsort(own, kind="stable")
        # A threshold below the k-th of the sorted pairs calls it and all after it the same.
        sorted_targets = targets[order]
        right = np.cumsum(np.append(0, 1 - sorted_targets)) + np.append(
            np.cumsum(sorted_targets[::-1])[::-1], 0
        )
        k = int(right.argmax())
        values = np.concatenate([[own[order[0]] - 1], own[order], [own[order[-1]] + 1]])
        best = max(best, (float(right[k]) / len(targets), column, float(values[k] + values[k + 1]) / 2))
    return {"column": torch.tensor(best[1]), "threshold": torch.tensor(best[2], dtype=torch.float64)}


@without_barriers()
@torch.no_grad()
def _numbers(network: PairNetwork, features: Tensor, kind: Kind) -> np.ndarray:
    """Return the probability or the score (N,) of each pair."""
    numbers = network(features)
    found: np.ndarray = (torch.sigmoid(numbers) if kind == "label" else numbers).double().numpy()
    return found


def _fit(
    features: np.ndarray,
    targets: np.ndarray,
    dev_features: np.ndarray,
    dev_targets: np.ndarray,
    kind: Kind,
    settings: PairSettings,
    progress: Progress,
    on_epoch: Callable[[Epoch], None],
) -> dict[str, Tensor]:
    inputs, dev_inputs = torch.from_numpy(features), torch.from_numpy(dev_features)
    wanted = torch.from_numpy(targets).float()
    with seeded(settings.seed):
        network = PairNetwork(features.shape[1], settings)
    network.standardize(inputs)
    loss: Any = nn.functional.binary_cross_entropy_with_logits if kind == "label" else nn.functional.mse_loss

    def loss_of(rows: Sequence[int]) -> Tensor:
        chosen = list(rows)
        found: Tensor = loss(network(inputs[chosen]), wanted[chosen])
        return found

    def dev_score() -> float:
        return main_score(pair_scores(_numbers(network, dev_inputs, kind), dev_targets, kind))

    with progress("training", len(targets) * settings.max_epochs, "pair") as bar:
        lengths = np.ones(len(targets), dtype=np.int64)
        for epoch in fit(network, loss_of, lengths, dev_score, settings, on_step=bar.update):
            on_epoch(epoch)
    return dict(network.state_dict())

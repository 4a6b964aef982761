"""A sequence tagger: trained, saved, loaded, and asked for tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from elmokit.arguments import checked, instance_of
from elmokit.config.validation import describe_errors
from elmokit.data.batches_by_length import batches_by_length
from elmokit.data.sentences import tokenized
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.features import Features, batch_of
from elmokit.downstream.fitting import Epoch, fit
from elmokit.downstream.progress import Progress, no_progress
from elmokit.downstream.saved import embeddings_of_saved, read_model, refuse_other_embeddings, save_model
from elmokit.downstream.seeding import seeded
from elmokit.downstream.tagging.card import model_card
from elmokit.downstream.tagging.examples import Examples, TagSet, index_tensor
from elmokit.downstream.tagging.network import TaggerNetwork
from elmokit.downstream.tagging.scores import TagScores, score_tags
from elmokit.downstream.tagging.settings import TaggerSettings
from elmokit.downstream.tagging.spans import Scheme
from elmokit.errors import ConfigError, ModelFileError
from elmokit.files.home import expanded
from elmokit.model.device import find_device
from elmokit.model.parallel import without_barriers

_KIND = "tagger"

Sentences = Iterable[str | Sequence[str]]


class Prediction(NamedTuple):
    """The tags of a sentence."""

    tags: list[str]
    """The most probable sequence of tags."""
    probabilities: np.ndarray
    """(T, K) the marginal probability of each tag at each token: exact under the CRF, but not calibrated."""


class SequenceTagger:
    """A biLSTM-CRF over any embedding: parts of speech, named entities, chunks.

    >>> tagger = SequenceTagger.train(sentences, tags, dev_sentences, dev_tags, embedding="elmo:small")
    >>> tagger.predict([["Ada", "lives", "in", "London"]])
    [['B-PER', 'O', 'O', 'B-LOC']]

    Args:
        embeddings: what it reads its text through.
        tag_set: its tags.
        network: the biLSTM-CRF.
        settings: those it was trained with.
        history: what training reached; plain values, for the model card.
    """

    @checked
    def __init__(
        self,
        embeddings: Sequence[TokenEmbedding],
        tag_set: TagSet,
        network: TaggerNetwork,
        settings: TaggerSettings,
        history: dict[str, Any] | None = None,
    ) -> None:
        self.embeddings = tuple(embeddings)
        self.tag_set = tag_set
        self.network = network.eval()
        self.settings = settings
        self.history = dict(history or {})

    def __repr__(self) -> str:
        names = "+".join(embedding.name for embedding in self.embeddings)
        return f"SequenceTagger({names!r}, {len(self.tags)} tags, scheme={self.tag_set.scheme})"

    @property
    def tags(self) -> tuple[str, ...]:
        """All K tags, in the order of :attr:`Prediction.probabilities`."""
        return self.tag_set.tags

    @classmethod
    @checked
    def train(
        cls,
        sentences: Sentences,
        tags: Iterable[Sequence[str]],
        dev_sentences: Sentences,
        dev_tags: Iterable[Sequence[str]],
        *,
        embedding: str | Sequence[TokenEmbedding] = "elmo:small",
        settings: TaggerSettings | None = None,
        scheme: Scheme | None = None,
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
        cache_dir: Path | None = None,
    ) -> SequenceTagger:
        """Train a tagger; training stops early, and the best epoch is chosen, by the dev data.

        Invalid sequences of BIO or BIOES are read as conlleval reads them, IOB1 among them.

        Args:
            sentences: lists of tokens, or plain strings, which are split at white space.
            tags: a list of tags for each sentence.
            dev_sentences: sentences to choose the best epoch by; not those that figures are reported on.
            dev_tags: their tags.
            embedding: a choice such as ``elmo:small``, ``word2vec:FILE`` or ``elmo:small+random``, or
                embeddings.
            settings: sizes and training.
            scheme: BIO or BIOES, to train with and predict another scheme than that of the data.
            device: where to compute: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            progress: shows what is done.
            on_epoch: called after each epoch.
            cache_dir: where vectors of a biLM are kept, see :class:`~elmokit.downstream.features.Features`.

        Raises:
            ElmokitError: if the data has no tokens or not one tag for each, or dev is the training data.
            ConfigError: if embedding, scheme or settings do not fit.
        """
        settings = TaggerSettings() if settings is None else instance_of("settings", settings, TaggerSettings)
        train, dev = Examples(sentences, tags, "training"), Examples(dev_sentences, dev_tags, "dev")
        dev.refuse_same(train)
        tag_set = TagSet.of(train.tags, scheme)
        embeddings = (
            embeddings_of(embedding, device=device) if isinstance(embedding, str) else tuple(embedding)
        )
        if not embeddings:
            raise ConfigError("embedding: expected at least one")
        with seeded(settings.seed):
            network = TaggerNetwork(embeddings, tag_set.tags, tag_set.scheme, settings)
        target = find_device(device)
        tagger = cls(embeddings, tag_set, network.to(target), settings)
        gold = [tag_set.normalized(own) for own in train.tags]
        dev_gold = [tag_set.normalized(own) for own in dev.tags]
        with progress("embedding", len(train) + len(dev), "sent") as bar:
            options: dict[str, Any] = {
                "fine_tune": settings.fine_tune,
                "cache_dir": cache_dir,
                "on_sentences": bar.update,
            }
            features = Features(embeddings, train.sentences, **options)
            dev_features = Features(embeddings, dev.sentences, **options)

        def loss_of(rows: Sequence[int]) -> Tensor:
            batch = features.batch(rows, target)
            indexes = index_tensor([gold[row] for row in rows], tag_set, batch.mask.shape[1])
            return network.loss(batch, indexes.to(target))

        def dev_score() -> float:
            return score_tags(dev_gold, tagger._decode(dev_features)).main

        epochs: list[Epoch] = []
        with progress("training", len(train) * settings.max_epochs, "sent") as bar:
            for epoch in fit(network, loss_of, features.lengths, dev_score, settings, on_step=bar.update):
                epochs.append(epoch)
                on_epoch(epoch)
        best = max(epochs, key=lambda epoch: epoch.is_best * epoch.number)
        tagger.history = {
            "num_training_sentences": len(train),
            "num_dev_sentences": len(dev),
            "epochs": len(epochs),
            "best_epoch": best.number,
            "dev_score": best.dev_score,
            "dev_metric": "accuracy" if tag_set.scheme is None else "span F1",
        }
        return tagger

    @checked
    def predict(self, sentences: Sentences, *, batch_size: int = 32) -> list[list[str]]:
        """Return the most probable tags of each sentence.

        Args:
            sentences: lists of tokens, or plain strings, which are split at white space.
            batch_size: number of sentences to run together.

        Raises:
            ElmokitError: if a sentence is neither.
        """
        return [own.tags for own in self._predictions(tokenized(sentences), batch_size, False)]

    @checked
    def predict_iter(self, sentences: Sentences, *, batch_size: int = 32) -> Iterator[Prediction]:
        """Yield the tags of any number of sentences with their probabilities; see :meth:`predict`."""
        return self._predictions(tokenized(sentences), batch_size, True)

    @checked
    def evaluate(
        self, sentences: Sentences, tags: Iterable[Sequence[str]], *, batch_size: int = 32
    ) -> TagScores:
        """Compare predictions with the tags of the data, both in the scheme of the tagger.

        Raises:
            ElmokitError: if the data has no tokens or not one tag for each.
        """
        data = Examples(sentences, tags, "test")
        gold = [self.tag_set.normalized(own) for own in data.tags]
        return score_tags(gold, self.predict(data.sentences, batch_size=batch_size))

    def mixing_weights(self) -> dict[str, list[list[float] | None]]:
        """Return the learned weights of each biLM's layers; see :meth:`TaggerNetwork.mixing_weights`."""
        return self.network.mixing_weights()

    @checked
    def save(self, directory: str | Path) -> None:
        """Write the tagger with its tags, settings, checksums and a model card; see :meth:`load`.

        Raises:
            OutputError: if it cannot be written, or something else is there.
        """
        values = {
            "tags": list(self.tags),
            "scheme": self.tag_set.scheme,
            "settings": self.settings.model_dump(mode="json"),
            "history": self.history,
        }
        card = model_card(
            "+".join(embedding.name for embedding in self.embeddings),
            self.tag_set,
            self.history,
            self.mixing_weights(),
        )
        save_model(expanded(directory), _KIND, self.embeddings, values, self.network.state_dict(), card)

    @classmethod
    @checked
    def load(
        cls,
        directory: str | Path,
        *,
        embedding: str | Sequence[TokenEmbedding] | None = None,
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
    ) -> SequenceTagger:
        """Load what :meth:`save` has written.

        Args:
            directory: the directory.
            embedding: where its embeddings are now, or they themselves; by default where they were.
            device: see :meth:`train`.
            progress: shows what is done.

        Raises:
            ModelFileError: if it is missing or damaged, or the embeddings are not those it was trained with.
        """
        saved = read_model(expanded(directory), _KIND)
        if embedding is None or isinstance(embedding, str):
            embeddings = embeddings_of_saved(saved, embedding, device=device, progress=progress)
        else:
            embeddings = tuple(embedding)
            refuse_other_embeddings(saved, embeddings)
        tag_set, settings = _read_values(saved.path, saved.values)
        network = TaggerNetwork(embeddings, tag_set.tags, tag_set.scheme, settings)
        try:
            network.load_state_dict(saved.tensors)
        except RuntimeError as error:
            raise ModelFileError(f"{saved.path}: the weights do not fit config.json: {error}") from None
        history = saved.values.get("history")
        return cls(
            embeddings,
            tag_set,
            network.to(find_device(device)),
            settings,
            history if isinstance(history, dict) else {},
        )

    @property
    def _device(self) -> torch.device:
        return self.network.emissions.weight.device

    @torch.no_grad()
    def _decode(self, features: Features) -> list[list[str]]:
        """Return the tags of sentences whose vectors are kept, in their order."""
        found: dict[int, list[str]] = {}
        order = np.argsort(features.lengths, kind="stable").tolist()
        size = self.settings.batch_size
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = features.batch(rows, self._device)
            paths = self.network.crf.decode(self.network(batch), batch.mask)
            found.update(zip(rows, ([self.tags[k] for k in path] for path in paths), strict=True))
        return [found[row] for row in range(len(order))]

    def _predictions(
        self, sentences: Iterable[list[str]], batch_size: int, with_probabilities: bool
    ) -> Iterator[Prediction]:
        @without_barriers()
        @torch.no_grad()
        def run(chunk: list[list[str]]) -> list[Prediction]:
            batch = batch_of(self.embeddings, chunk, fine_tune=self.settings.fine_tune, device=self._device)
            emissions, crf = self.network(batch), self.network.crf
            paths = crf.decode(emissions, batch.mask)
            shares = crf.marginals(emissions, batch.mask) if with_probabilities else emissions[..., :0]
            return [
                Prediction([self.tags[k] for k in path], own[: len(path)].cpu().numpy())
                for path, own in zip(paths, shares, strict=True)
            ]

        return batches_by_length(sentences, run, batch_size)


def _read_values(path: Path, values: dict[str, Any]) -> tuple[TagSet, TaggerSettings]:
    tags, scheme = values.get("tags"), values.get("scheme")
    if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) for tag in tags):
        raise ModelFileError(f"{path}/config.json: tags: expected a list of tags, got {str(tags)[:60]}")
    if scheme not in (None, "BIO", "BIOES"):
        raise ModelFileError(f"{path}/config.json: scheme: expected BIO, BIOES or null, got {scheme!r}")
    try:
        settings = TaggerSettings.model_validate(values.get("settings"))
    except ValidationError as error:
        message = describe_errors(error, list(TaggerSettings.model_fields))
        raise ModelFileError(f"{path}/config.json: settings: {message}") from None
    return TagSet(tuple(tags), scheme), settings

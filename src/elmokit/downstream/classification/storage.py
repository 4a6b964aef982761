"""A text classifier as a directory."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError

from elmokit.downstream.classification.card import model_card
from elmokit.downstream.classification.fitted import Fitted
from elmokit.downstream.classification.label_set import LabelSet
from elmokit.downstream.classification.network import ClassifierNetwork
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.progress import Progress
from elmokit.downstream.saved import embeddings_of_saved, read_model, save_model
from elmokit.errors import ModelFileError

_KIND = "classifier"
_NETWORK, _SEEN = "network.", "seen_texts"


def write_classifier(directory: Path, fitted: Fitted) -> None:
    """Write a classifier, completely or not at all; an earlier one is replaced.

    Raises:
        OutputError: if it cannot be written, or something else is there.
    """
    settings = fitted.settings.model_dump(mode="json")
    values = {
        "labels": list(fitted.label_set.names),
        "is_multi_label": fitted.label_set.is_multi_label,
        "settings": settings,
        "training": fitted.training,
    }
    tensors = {f"{_NETWORK}{name}": value for name, value in fitted.network.state_dict().items()}
    tensors[_SEEN] = torch.from_numpy(fitted.seen)
    names = [own.name for own in fitted.embeddings]
    card = model_card(fitted.label_set.names, names, settings, fitted.training)
    save_model(directory, _KIND, fitted.embeddings, values, tensors, card)


def read_classifier(
    directory: Path, embedding: str | None, *, device: torch.device, progress: Progress
) -> Fitted:
    """Read a classifier.

    Args:
        directory: where it is.
        embedding: where the embeddings are now; None for where they were.
        device: where to run.
        progress: shows what is done.

    Raises:
        ModelFileError: if it is missing or damaged, or an embedding is missing or another one.
    """
    saved = read_model(directory, _KIND)
    try:
        settings = ClassifierSettings.model_validate(saved.values["settings"])
        names, is_multi_label = saved.values["labels"], saved.values["is_multi_label"]
        label_set = LabelSet(tuple(map(str, names)), bool(is_multi_label))
        training = dict(saved.values["training"])
        temperature = float(training["temperature"])
        seen = saved.tensors[_SEEN].numpy()
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise ModelFileError(f"{directory}/config.json: damaged: {error}") from None
    embeddings = embeddings_of_saved(saved, embedding, device=str(device), progress=progress)
    network = ClassifierNetwork(embeddings, len(label_set.names), settings)
    try:
        network.load_state_dict(
            {
                name.removeprefix(_NETWORK): value
                for name, value in saved.tensors.items()
                if name.startswith(_NETWORK)
            }
        )
    except RuntimeError as error:
        raise ModelFileError(f"{directory}: the weights do not fit config.json: {error}") from None
    return Fitted(settings, embeddings, label_set, network.to(device).eval(), temperature, seen, training)

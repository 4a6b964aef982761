"""Models that bilm-tf cannot read."""

from __future__ import annotations

from pathlib import Path

from elmokit.errors import ConfigError
from elmokit.pretrained import PretrainedModel


def refuse_lexicon(pretrained: PretrainedModel, model: str | Path) -> None:
    """Refuse a model with an alphabet or a word list of its own.

    Raises:
        ConfigError: if the model, loaded from ``model``, is one.
    """
    if pretrained.config.model.lexicon is not None:
        raise ConfigError(
            f"{model}: this model has an alphabet or a word list of its own, which bilm-tf does not support: "
            "use elmokit.ElmoEmbedder"
        )

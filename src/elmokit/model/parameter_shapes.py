"""The shapes of a biLM's parameters, without allocating them."""

from __future__ import annotations

from pathlib import Path

import torch

from elmokit.config import ModelConfig
from elmokit.errors import ConfigError
from elmokit.model.bilm import BiLM


def parameter_shapes(
    config: ModelConfig, num_words: int | None, *, with_softmax: bool, source: Path
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of :class:`~elmokit.model.bilm.BiLM` by name.

    Args:
        config: the geometry.
        num_words: V, the size of the output vocabulary; None when it is unknown.
        with_softmax: whether the model has a softmax.
        source: the file that the configuration comes from, for the error message.

    Raises:
        ConfigError: when a matrix would have more elements than can be counted.
    """
    try:
        with torch.device("meta"):
            model = BiLM(config, num_words, with_softmax=with_softmax)
    except (RuntimeError, OverflowError, TypeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ConfigError(f"{source}: the model would be impossibly large: {reason}") from None
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}

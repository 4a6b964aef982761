"""ELMoForManyLangs: ``Embedder`` with ``sents2elmo``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from elmokit.arguments import checked, whole_number
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.loading import load
from elmokit.model.layer_choice import Layers

_NAMED: dict[int, Layers] = {-1: "average", -2: "all"}


class Embedder:
    """Embeds tokenized sentences, like the class of the same name.

    Args:
        model_dir: directory of an ELMoForManyLangs model, or a model in any format that :func:`elmokit.load`
            reads.
        batch_size: number of sentences to run together.

    Raises:
        ModelFileError: if the model's files are missing, damaged or do not match.
    """

    @checked
    def __init__(self, model_dir: str | Path, batch_size: int = 64) -> None:
        self.batch_size = whole_number("batch_size", batch_size, least=1)
        self._embedder = ElmoEmbedder(load(model_dir))

    def __repr__(self) -> str:
        return f"Embedder({self._embedder!r}, batch_size={self.batch_size})"

    @checked
    def sents2elmo(self, sents: Iterable[str | Sequence[str]], output_layer: int = -1) -> list[np.ndarray]:
        """Embed sentences.

        Args:
            sents: lists of tokens, or plain strings, which are split on whitespace.
            output_layer: 0 for the token layer, 1 and so on for the LSTM layers, -1 for the average of all
                layers, -2 for all of them.

        Returns:
            One array (n_tokens, D), or (L, n_tokens, D) for all layers, per sentence.

        Raises:
            ConfigError: if there is no such layer.
            ElmokitError: if a sentence or token is not a string.
        """
        return list(self.sents2elmo_iter(sents, output_layer))

    @checked
    def sents2elmo_iter(
        self, sents: Iterable[str | Sequence[str]], output_layer: int = -1
    ) -> Iterator[np.ndarray]:
        """Embed sentences, yielding one array at a time; see :meth:`sents2elmo`."""
        output_layer = whole_number("output_layer", output_layer)
        if not -2 <= output_layer < self._embedder.num_layers:
            raise ConfigError(
                f"output_layer: expected -2 to {self._embedder.num_layers - 1}, got {output_layer}"
            )
        layers = _NAMED.get(output_layer, output_layer)
        return self._embedder.iter_embed(sents, layers, batch_size=self.batch_size)

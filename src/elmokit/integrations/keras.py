"""Keras 3 on PyTorch: ELMo as the first layer of a Keras model.

Keras needs its PyTorch backend. If Keras has not been imported yet and ``KERAS_BACKEND`` is not set,
importing this module sets it to ``torch``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmokit.arguments import checked, instance_of, path_text, whole_number, yes_or_no
from elmokit.data.sentences import tokenized
from elmokit.elmo.type_batch import TypeBatch
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError, MissingExtraError, ModelFileError
from elmokit.loading import load
from elmokit.model.batching import encode_words, run_sentences
from elmokit.model.padding import pad_rows
from elmokit.model.scalar_mix import mix_layers

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "torch")
try:
    import keras
except ImportError:
    raise MissingExtraError("elmokit.integrations.keras", "keras") from None
if keras.backend.backend() != "torch":
    raise ElmokitError(
        f"elmokit.integrations.keras needs the PyTorch backend of Keras, got {keras.backend.backend()!r}: "
        "set the environment variable KERAS_BACKEND=torch before Keras is imported"
    )


@keras.saving.register_keras_serializable(package="elmokit")
class ElmoEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Contextual word vectors: a learned mixture of a biLM's layers (Peters et al. 2018, equation 1).

    The input is what :meth:`ids` makes of sentences, because tensors of this backend hold no strings. The
    output has the shape (B, T, D) and a mask, which Keras passes on to the next layers. The mixture is
    trained, the biLM is not. ``model.save`` stores the mixture with the name and the fingerprint of the biLM,
    which ``keras.saving.load_model`` loads again; import this module before.

    Args:
        model: name or path of a model in any format that :func:`elmokit.load` reads.
        do_layer_norm: normalize each layer over the words of the batch before mixing.
        fingerprint: of the model that is expected, which saved layers have; by default any.
        layer_options: name and other options of every Keras layer.

    Raises:
        ModelFileError: if the biLM is missing, damaged, or not the expected one.
    """

    def __init__(
        self,
        model: str | Path = "tiny-en",
        *,
        do_layer_norm: bool = False,
        fingerprint: str | None = None,
        **layer_options: Any,
    ) -> None:
        super().__init__(**layer_options)
        self.model = path_text(model)
        self.do_layer_norm = yes_or_no("do_layer_norm", do_layer_norm)
        self.supports_masking = True
        self._embedder = ElmoEmbedder(load(model))
        self._indexer = self._embedder.pretrained.indexer
        markers = self._indexer.index([self._indexer.bos, self._indexer.eos])
        self._reads = [ids is not None for ids in markers]  # characters, words
        if (
            fingerprint is not None
            and instance_of("fingerprint", fingerprint, str) != self._embedder.fingerprint
        ):
            raise ModelFileError(
                f"{model}: not the model that the layer was saved with (fingerprint {fingerprint}, got "
                f"{self._embedder.fingerprint}): put that model there, or train again"
            )

    @checked
    def ids(self, sentences: Iterable[str | Sequence[str]], *, num_tokens: int | None = None) -> np.ndarray:
        """Convert sentences to the input of the layer.

        Args:
            sentences: N lists of tokens, or plain strings, which are split on whitespace.
            num_tokens: T; longer sentences are cut. By default the length of the longest.

        Returns:
            (N, T, K) int32 with K numbers for each token, which are 0 at padding. For models that read
            UTF-8 bytes they are the character ids of :func:`elmokit.batch_to_ids`.

        Raises:
            ElmokitError: if ``sentences`` is a single string, or a sentence or token is not a string.
        """
        words = list(tokenized(sentences))
        if num_tokens is not None:
            num_tokens = whole_number("num_tokens", num_tokens, least=0)
        longest = max(map(len, words), default=0) if num_tokens is None else num_tokens
        words = [sentence[:longest] for sentence in words]
        found = np.zeros((len(words), longest, self.num_ids), dtype=np.int32)
        for row, sentence in zip(found, words, strict=True):
            parts = [part for part in self._indexer.index(sentence) if part is not None] if sentence else []
            if parts:
                row[: len(sentence)] = 1 + np.column_stack(parts)
        return found

    @property
    def num_ids(self) -> int:
        """K, the number of ids for each token."""
        index = self._indexer.index([self._indexer.bos])
        return sum(int(part[0].size) for part in index if part is not None)

    @property
    def dim(self) -> int:
        """D, the width of a vector."""
        return self._embedder.dim

    @property
    def mixing_weights(self) -> list[float]:
        """The learned weights of the layers, which sum to 1."""
        weights: list[float] = keras.ops.softmax(self.scalars).tolist()
        return weights

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the mixture; Keras calls this."""
        if len(input_shape) != 3 or input_shape[2] != self.num_ids:
            raise ElmokitError(
                f"ElmoEmbedding: expected ids of the shape (B, T, {self.num_ids}), which the method ids of "
                f"the layer makes, got {tuple(input_shape)}"
            )
        self.scalars = self.add_weight(
            shape=(self._embedder.num_layers,), initializer="zeros", dtype="float32", name="scalars"
        )
        self.gamma = self.add_weight(shape=(1,), initializer="ones", dtype="float32", name="gamma")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (B, T, D)."""
        return (*input_shape[:2], self.dim)

    def compute_mask(self, inputs: Tensor, previous_mask: object = None) -> Any:
        """Return (B, T), True at words."""
        return keras.ops.any(keras.ops.greater(inputs, 0), axis=-1)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the vectors (B, T, D) of ids (B, T, K), zero at padding."""
        if getattr(inputs, "ndim", 0) != 3 or inputs.shape[2] != self.num_ids:
            raise ConfigError(
                f"ElmoEmbedding: expected ids (B, T, {self.num_ids}), which the method ids of the layer "
                f"makes, got {tuple(getattr(inputs, 'shape', ()))}"
            )
        layers, mask = self._computed_layers(inputs.long())
        mixture = mix_layers(
            layers,
            keras.ops.softmax(self.scalars),
            keras.ops.convert_to_tensor(self.gamma),
            mask if self.do_layer_norm else None,
        )
        vectors = mixture[:, 1:-1] * self.compute_mask(inputs).unsqueeze(-1)
        return torch.as_tensor(vectors, dtype=getattr(torch, self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        """Return what a saved model keeps of the layer besides the mixture."""
        return {
            **super().get_config(),
            "model": self.model,
            "do_layer_norm": self.do_layer_norm,
            "fingerprint": self._embedder.fingerprint,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ElmoEmbedding:
        """Create the layer of a saved model; our errors come through, which Keras would wrap in its own."""
        options = dict(config)
        if isinstance(options.get("dtype"), dict):
            options["dtype"] = keras.dtype_policies.deserialize(options["dtype"])
        return cls(**options)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # the number of steps depends on the data
    @torch.no_grad()
    def _computed_layers(self, ids: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return L layers (B, T + 2, D) with the sentence markers, and their mask."""
        bilm = self._embedder.model.on(ids.device)
        markers = [
            torch.as_tensor(part).reshape(2, -1)
            for part in self._indexer.index([self._indexer.bos, self._indexer.eos])
            if part is not None
        ]
        mask = (ids > 0).any(dim=2)
        distinct, type_of = torch.unique(ids[mask] - 1, dim=0, return_inverse=True)
        rows = torch.cat([torch.cat(markers, dim=1).to(ids), distinct])  # (U, K)
        reads_characters, reads_words = self._reads
        vectors = encode_words(
            bilm,
            rows[:, : self.num_ids - reads_words] if reads_characters else None,
            rows[:, -1] if reads_words else None,
        )
        batch = TypeBatch(vectors, type_of + 2, mask, (len(ids),))
        places, marked_mask = batch.with_markers()
        layers, _ = run_sentences(bilm, vectors, places, marked_mask.sum(dim=1).tolist())
        return [pad_rows(layer.float(), marked_mask) for layer in layers], marked_mask

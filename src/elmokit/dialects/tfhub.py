"""TF-Hub: the module ``google/elmo`` as a callable.

``load`` replaces ``hub.load`` and ``Module`` replaces ``hub.Module``. Results are PyTorch tensors and
available at once: there is no graph and no session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elmokit import loading
from elmokit.arguments import checked, described, one_of, whole_number, yes_or_no
from elmokit.data.sentences import list_of_words, tokenized
from elmokit.dialects.padding import pad
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ElmokitError
from elmokit.model.scalar_mix import ScalarMix
from elmokit.pretrained import PretrainedModel


class ElmoModule(nn.Module):
    """A biLM with the signatures of TF-Hub's module.

    As in TF-Hub's module, only ``aggregation`` can be trained: the weights of the layers and their scale.
    The biLM is fixed. Every sentence starts from a zero LSTM state.

    Args:
        pretrained: the model, which is not modified.
        trainable: whether the weighted sum is trained.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    @checked
    def __init__(
        self, pretrained: PretrainedModel, *, trainable: bool = False, device: str | torch.device = "cpu"
    ) -> None:
        super().__init__()
        self._embedder = ElmoEmbedder(pretrained, device=device)
        self._token_dim = pretrained.config.model.lstm.projection_dim
        self.aggregation = ScalarMix(self._embedder.num_layers, trainable=yes_or_no("trainable", trainable))
        self.aggregation.to(self._embedder.model.device)

    def __repr__(self) -> str:
        return f"ElmoModule({self._embedder!r}, trainable={self.aggregation.gamma.requires_grad})"

    @property
    def signatures(self) -> dict[str, Callable[..., dict[str, Tensor]]]:
        """The functions ``default(text)`` and ``tokens(tokens, sequence_len)``, by name."""
        return {"default": self._of_text, "tokens": self._of_tokens}

    def _of_text(self, text: Any) -> dict[str, Tensor]:
        return self._outputs(*_split(text))

    def _of_tokens(self, tokens: Any, sequence_len: Any) -> dict[str, Tensor]:
        return self._outputs(*_cut(tokens, sequence_len))

    @checked
    def forward(
        self, inputs: Any, signature: str = "default", as_dict: bool = False
    ) -> Tensor | dict[str, Tensor]:
        """Embed a batch of B sentences.

        Args:
            inputs: for ``default``, B plain strings, which are split at spaces. For ``tokens``, a mapping
                with the keys ``tokens``, B lists of the same length T, and ``sequence_len``, the number of
                tokens of each sentence. Lists or arrays of str or UTF-8 bytes.
            signature: ``default`` or ``tokens``.
            as_dict: return all outputs instead of only ``default``.

        Returns:
            ``word_emb`` (B, T, P), ``lstm_outputs1``, ``lstm_outputs2`` and so on (B, T, D), and their
            weighted sum ``elmo`` (B, T, D), all zero at padding; and ``default`` (B, D), the mean of ``elmo``
            over the words of each sentence, zero for a sentence without words. For plain strings, T is the
            length of the longest sentence.

        Raises:
            ConfigError: if there is no such signature, or the inputs do not match it.
            ElmokitError: if a sentence or token is not a string.
        """
        if signature == "default":
            outputs = self._of_text(inputs)
        elif signature == "tokens":
            if not isinstance(inputs, Mapping) or set(inputs) != {"tokens", "sequence_len"}:
                raise ConfigError("signature tokens: expected inputs with the keys tokens and sequence_len")
            outputs = self._of_tokens(inputs["tokens"], inputs["sequence_len"])
        else:
            raise ConfigError(f"signature: expected default or tokens, got {signature!r}")
        return outputs if yes_or_no("as_dict", as_dict) else outputs["default"]

    def _outputs(self, sentences: list[list[str]], num_steps: int) -> dict[str, Tensor]:
        device = self._embedder.model.device
        vectors = self._embedder.embed(sentences)
        padded = pad(vectors, (self._embedder.num_layers, num_steps, self._embedder.dim))
        layers = torch.from_numpy(padded).to(device).unbind(dim=1)
        lengths = torch.tensor([len(sentence) for sentence in sentences], device=device)
        elmo = self.aggregation(layers)
        return {
            "word_emb": layers[0][..., : self._token_dim],
            **{f"lstm_outputs{k}": layer for k, layer in enumerate(layers[1:], start=1)},
            "elmo": elmo,
            "default": elmo.sum(dim=1) / lengths.clamp(min=1).unsqueeze(-1),
        }


@checked
def load(model: str | Path, *, trainable: bool = False, device: str | torch.device = "cpu") -> ElmoModule:
    """Load a model in any format that :func:`elmokit.load` reads.

    Args:
        model: path, URL or name of the model. The addresses of ``google/elmo`` on TF-Hub and Kaggle stand for
            the published model ``original``, which has the same weights.
        trainable: whether the weights of the layers are trained.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    return ElmoModule(loading.load(model), trainable=trainable, device=device)


@checked
def Module(  # noqa: N802  # the name of TF-Hub's class
    spec: str | Path,
    trainable: bool = False,
    name: str = "module",
    tags: object = None,
    *,
    device: str | torch.device = "cpu",
) -> ElmoModule:
    """Load a model as ``hub.Module`` does.

    Args:
        spec: path, URL or name of the model, see :func:`load`.
        trainable: whether the weights of the layers are trained.
        name: has no effect; it names a part of TensorFlow's graph.
        tags: has no effect.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    return load(spec, trainable=trainable, device=device)


_OF_TENSORFLOW = {"name", "input_shape", "output_shape", "dtype", "tags"}


class KerasLayer(nn.Module):
    """The module as ``hub.KerasLayer`` has it: called with its inputs alone, it returns one output.

    Args:
        handle: path, URL or name of the model.
        trainable: whether the weights of the layers are trained.
        signature: ``default`` or ``tokens``.
        output_key: the output to return.
        signature_outputs_as_dict: return all outputs by name instead.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        keras: ``name``, ``input_shape``, ``output_shape``, ``dtype`` and ``tags``, which describe a layer of
            TensorFlow, have no effect.

    Raises:
        ConfigError: if there is no such signature.
    """

    @checked
    def __init__(
        self,
        handle: str | Path,
        trainable: bool = False,
        signature: str = "default",
        output_key: str = "default",
        signature_outputs_as_dict: bool = False,
        *,
        device: str | torch.device = "cpu",
        **keras: object,
    ) -> None:
        super().__init__()
        if unknown := sorted(keras.keys() - _OF_TENSORFLOW):
            raise ConfigError(
                f"KerasLayer: unknown argument {unknown[0]}: expected trainable, signature, output_key, "
                "signature_outputs_as_dict or device"
            )
        self.module = load(handle, trainable=trainable, device=device)
        one_of("signature", signature, tuple(self.module.signatures))
        self._signature, self._output_key, self._as_dict = signature, output_key, signature_outputs_as_dict

    def __repr__(self) -> str:
        output = "all outputs" if self._as_dict else f"output_key={self._output_key!r}"
        return f"KerasLayer({self.module!r}, signature={self._signature!r}, {output})"

    def forward(self, inputs: Any) -> Tensor | dict[str, Tensor]:
        """Embed a batch of sentences, see :meth:`ElmoModule.forward`.

        Raises:
            ConfigError: if there is no such output, or the inputs do not match the signature.
        """
        outputs: dict[str, Tensor] = self.module(inputs, signature=self._signature, as_dict=True)
        if self._as_dict:
            return outputs
        if self._output_key not in outputs:
            raise ConfigError(f"output_key: expected one of {', '.join(outputs)}, got {self._output_key!r}")
        return outputs[self._output_key]


def _split(texts: Any) -> tuple[list[list[str]], int]:
    """Split strings, only at spaces as in TF-Hub; return the sentences and the longest one's length."""
    expected = "signature default: expected a list of strings, one per sentence"
    is_list = isinstance(texts, Iterable) and not isinstance(texts, str | bytes | Mapping)
    if not is_list:
        raise ConfigError(f"{expected}, got {type(texts).__name__}")
    if getattr(texts, "ndim", 1) != 1:
        raise ConfigError(f"{expected}, got an array of shape {tuple(texts.shape)}: use .reshape(-1)")
    try:
        rows = list_of_words(_decoded(texts, "inputs"), "inputs")
    except ElmokitError as error:
        raise ConfigError(f"{expected}: {error}") from None
    sentences = [[token for token in text.split(" ") if token] for text in rows]
    return sentences, max(map(len, sentences), default=0)


def _cut(tokens: Any, lengths: Any) -> tuple[list[list[str]], int]:
    """Return sentences without their padding, and their length with it."""
    rows: list[Sequence[Any]] = list(_rows(tokens))
    try:
        counts = [whole_number("sequence_len", length) for length in lengths]
    except TypeError:  # a single number, or nothing
        raise ConfigError(
            f"sequence_len: expected one number for each row, got {described(lengths)}"
        ) from None
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ConfigError(
            f"tokens: rows of {min(widths)} to {max(widths)} tokens: pad them with empty strings"
        )
    num_steps = max(widths, default=0)
    if len(counts) != len(rows) or not all(0 <= count <= num_steps for count in counts):
        raise ConfigError(
            f"sequence_len: expected one number from 0 to {num_steps} for each of {len(rows)} rows, "
            f"got {counts}"
        )
    sentences = [
        _decoded(row[:count], f"tokens[{number}]")
        for number, (row, count) in enumerate(zip(rows, counts, strict=True))
    ]
    return list(tokenized(sentences, "tokens")), num_steps


def _rows(tokens: Any) -> Iterable[Sequence[Any]]:
    expected = "tokens: expected one list of tokens per sentence"
    if isinstance(tokens, str | bytes):
        raise ConfigError(f"{expected}, got a string")
    if isinstance(tokens, Mapping) or not isinstance(tokens, Iterable) or getattr(tokens, "ndim", 2) != 2:
        raise ConfigError(f"{expected}, got {described(tokens)}")
    rows = list(tokens)
    for row in rows:
        if isinstance(row, str | bytes):
            raise ConfigError(f"{expected}, got a string")
        if not isinstance(row, Sequence) and not hasattr(row, "shape"):
            raise ConfigError(f"{expected}, got {described(row)}")
    return rows


def _decoded(values: Any, name: str) -> list[Any]:
    """Return a list with its bytes, TensorFlow's form of strings, as text."""
    return [_text(value, f"{name}[{position}]") for position, value in enumerate(values)]


def _text(value: Any, name: str) -> Any:
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: expected text, got bytes that are not UTF-8: {value[:40]!r}") from None

"""Digests of everything that vectors depend on, by which files of vectors are recognized."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel


def fingerprint(pretrained: PretrainedModel, model: BiLM, token_table: Mapping[str, Tensor]) -> str:
    """Return a digest of everything that contextual vectors depend on, in hexadecimal.

    It is stored in files, so it must stay the same for the same vectors, whatever the model's path and
    format.

    Args:
        pretrained: what is known about the model.
        model: the model, on any device, in the precision of the vectors.
        token_table: precomputed token vectors (P,) by word.
    """
    digest = hashlib.blake2b(repr(pretrained.config.model).encode(), digest_size=16)
    if model.precision != "float32":
        digest.update(model.precision.encode())
    for name, tensor in [*model.named_parameters(), *sorted(token_table.items())]:
        if not name.startswith("softmax."):  # the same model may come with or without it
            digest.update(f"{name} {tuple(tensor.shape)}".encode(errors="surrogatepass"))
            digest.update(_bytes_of(tensor))
    if pretrained.lexicon is not None:
        digest.update(repr(pretrained.lexicon).encode(errors="surrogatepass"))
    elif pretrained.config.model.char_cnn is None:
        digest.update("\n".join(pretrained.require_vocabulary().words).encode())
    return digest.hexdigest()


def encoder_fingerprint(pretrained: PretrainedModel, model: BiLM) -> str:
    """Return a digest of everything that token vectors depend on, in hexadecimal.

    It is stored in files, so it must stay the same for the same encoder.

    Args:
        pretrained: what is known about the model.
        model: the model, on any device.
    """
    char_cnn = pretrained.config.model.char_cnn
    settings = "" if char_cnn is None else f"{char_cnn.activation} {char_cnn.max_characters}"
    digest = hashlib.blake2b(settings.encode(), digest_size=16)
    for name, parameter in sorted(model.encoder.named_parameters()):
        digest.update(f"\n{name} {tuple(parameter.shape)}\n".encode())
        digest.update(_bytes_of(parameter))
    if pretrained.lexicon is not None:
        for table in (pretrained.lexicon.characters, pretrained.lexicon.words):
            digest.update(repr(table).encode(errors="surrogatepass"))
    elif char_cnn is None:
        digest.update("\n".join(pretrained.require_vocabulary().words).encode())
    return digest.hexdigest()


def _bytes_of(tensor: Tensor) -> memoryview:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy()).data

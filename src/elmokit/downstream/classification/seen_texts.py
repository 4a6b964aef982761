"""Remembering the texts that a model was trained with, so that it is not evaluated on them unawares."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from elmokit.downstream.classification.pieces import Pieces


def text_hashes(pieces: Pieces) -> np.ndarray:
    """Return (N,) int64 a hash of the tokens of each text."""
    digests = [hashlib.blake2b(digest_size=8) for _ in range(pieces.num_texts)]
    for text, sentence in zip(pieces.text_of, pieces.sentences, strict=True):
        digests[text].update("".join(f"{token}\n" for token in sentence).encode(errors="surrogatepass"))
    return np.array([int.from_bytes(own.digest(), "little", signed=True) for own in digests], dtype=np.int64)


def rows_seen(hashes: np.ndarray, pieces: Pieces) -> Sequence[int]:
    """Return the indexes of texts with tokens whose hashes are among those given."""
    has_tokens = np.bincount(pieces.text_of, weights=pieces.lengths, minlength=pieces.num_texts) > 0
    rows: list[int] = np.flatnonzero(np.isin(text_hashes(pieces), hashes) & has_tokens).tolist()
    return rows

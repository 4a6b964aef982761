from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from elmokit.data import numbering as numbering_module
from elmokit.data.numbering import TypeNumbering

SENTENCES = [["the", "cat", "the"], [], ["a", "cat"]]


def number(*parts: list[list[str]]) -> tuple[list[int], list[int], list[str], str]:
    tokens, offsets = BytesIO(), BytesIO()
    numbering = TypeNumbering(tokens, offsets)
    for part in parts:
        numbering.add(part)
    types, fingerprint = numbering.finish()
    assert (numbering.num_tokens, numbering.num_lines, numbering.num_blank_lines) == (5, 3, 1)
    return (
        np.frombuffer(tokens.getvalue(), np.uint32).tolist(),
        np.frombuffer(offsets.getvalue(), np.int64).tolist(),
        [types.word(k) for k in range(len(types))],
        fingerprint,
    )


def test_types_are_numbered_in_order_of_first_occurrence():
    tokens, offsets, words, fingerprint = number(SENTENCES)
    assert tokens == [2, 3, 2, 4, 3]
    assert offsets == [0, 3, 3, 5]
    assert words == ["", "", "the", "cat", "a"]
    # of the bytes of tokens, offsets and words, computed by version 0.1.0
    assert fingerprint == "1856d1c8a9d569fc4a58b5d1f2f04eed"


def test_sentences_may_be_added_in_parts():
    assert number(SENTENCES[:1], [], SENTENCES[1:]) == number(SENTENCES)


@pytest.mark.parametrize("num_tokens", [1, 2, 3])
def test_what_is_numbered_is_written_in_parts(monkeypatch, num_tokens):
    expected = number(SENTENCES)[:3]
    monkeypatch.setattr(numbering_module, "_WRITE_TOKENS", num_tokens)
    assert number(SENTENCES)[:3] == expected

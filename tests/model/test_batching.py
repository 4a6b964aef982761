"""Whole sentences through a biLM."""

from __future__ import annotations

import pytest
import torch

from elmokit.model.batching import encode_words, run_sentences

LENGTHS = [9, 2, 42, 7, 9, 25, 4]


@pytest.fixture
def model(kind, make_config, make_model):
    return make_model(make_config(kind))


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(20, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(20, (sum(LENGTHS),), generator=torch.Generator().manual_seed(2))


@torch.no_grad()
@pytest.mark.parametrize("max_window_positions", [1, 16, 50, 200])
def test_windows(max_window_positions, model, vectors, ids):
    expected, _ = run_sentences(model, vectors, ids, LENGTHS)
    found, _ = run_sentences(model, vectors, ids, LENGTHS, max_window_positions=max_window_positions)
    assert len(found) == 3
    for layer, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(layer, whole, rtol=0, atol=1e-6)
    num_runs = 0

    def count(*_):
        nonlocal num_runs
        num_runs += 1

    model.register_forward_hook(count)
    run_sentences(model, vectors, ids, LENGTHS, max_window_positions=max_window_positions)
    # Where a row of a product depends on the number of rows, each step has a multiple of 16 of them.
    expected_runs = {1: 42, 16: 7, 50: 3, 200: 2} if model.row_tile == 1 else {1: 42, 16: 42, 50: 14, 200: 4}
    assert num_runs == expected_runs[max_window_positions]
    num_runs = 0
    with torch.enable_grad():  # gradients stop at the borders of windows
        run_sentences(model, vectors, ids, LENGTHS, max_window_positions=max_window_positions)
    assert num_runs == 1


@torch.no_grad()
@pytest.mark.parametrize("layers", [[0], [1], [2], [2, 1], [0, 2], [1, 1]])
def test_only_the_requested_layers(layers, model, vectors, ids):
    everything, _ = run_sentences(model, vectors, ids, LENGTHS)
    found, _ = run_sentences(model, vectors, ids, LENGTHS, layers=layers)
    assert all(torch.equal(own, everything[k]) for own, k in zip(found, layers, strict=True))
    assert len(found) == len(layers)


def test_no_sentence(model, vectors, ids):
    found, state = run_sentences(model, vectors, ids[:0], [], layers=[0, 2])
    assert [layer.shape for layer in found] == [(0, 16 * len(model.stacks))] * 2
    assert state is None


@torch.no_grad()
@pytest.mark.parametrize("as_array", [False, True])
def test_a_word_s_vector_does_not_depend_on_the_other_words(as_array, kind, model):
    if kind == "words":
        char_ids, word_ids = None, torch.arange(9).repeat(4)
    else:
        char_ids, word_ids = torch.randint(260, (36, 50), generator=torch.Generator().manual_seed(3)), None
    together = encode_words(model, char_ids, word_ids)
    assert together.shape == (36, 16)
    for count in (1, 5, 16, 17):
        char_rows, word_rows = (None if ids is None else ids[:count] for ids in (char_ids, word_ids))
        if as_array:
            char_rows, word_rows = (None if ids is None else ids.numpy() for ids in (char_rows, word_rows))
        assert torch.equal(encode_words(model, char_rows, word_rows), together[:count])

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from elmokit.data.batches import RowReader


def test_windows_of_several_steps_are_those_of_the_original(original, ids_of, ids_of_original):
    text = original.indexed()
    queue = iter(range(original.corpus.num_lines))
    rows = RowReader(original.corpus, 2, bidirectional=True)
    for window in ids_of_original("stream_test_b2_t3"):
        assert ids_of(text.batch(*rows.read(3, lambda row: next(queue, None)))) == window
    windows, _ = rows.read(3, lambda row: next(queue, None))
    assert not windows[0].is_counted.all()


def test_a_row_reads_inputs_and_targets_of_its_sentence(numbered):
    rows = RowReader(numbered.corpus, 1, bidirectional=True)
    sentence = numbered.corpus.sentence(0)
    queue = iter([0])
    num_steps = len(sentence) + 2
    (forward, backward), sentences = rows.read(num_steps, lambda row: next(queue, None))
    num_predictions = len(sentence) - 1
    for window, tokens in ((forward, sentence), (backward, sentence[::-1])):
        assert window.inputs[:num_predictions, 0].tolist() == tokens[:-1].tolist()
        assert window.targets[:num_predictions, 0].tolist() == tokens[1:].tolist()
        # The row has run out of text after that.
        assert window.is_counted[:, 0].tolist() == [True] * num_predictions + [False] * 3
    assert sentences == (0,)
    windows, sentences = rows.read(1, lambda row: None)
    assert not windows[0].is_counted.any()
    assert sentences == ()


def test_one_direction(numbered):
    windows, _ = RowReader(numbered.corpus, 2, bidirectional=False).read(3, lambda row: row)
    assert len(windows) == 1


def test_sentences_that_only_warm_up_do_not_count(numbered):
    queues = [iter([0, 1]), iter([1, 2])]
    rows = RowReader(numbered.corpus, 2, bidirectional=False, first_counted=[1, 1])
    (window,), sentences = rows.read(100, lambda row: next(queues[row], None))
    lengths = [numbered.corpus.length(k) + 1 for k in range(3)]  # targets
    assert window.is_counted[: lengths[0], 0].tolist() == [False] * lengths[0]
    assert window.is_counted.sum(axis=0).tolist() == [lengths[1], lengths[1] + lengths[2]]
    assert sentences == (0, 1, 2)


@pytest.mark.parametrize("num_read", range(6))
def test_reading_continues_from_a_saved_position(numbered, num_read):
    queue = iter(range(numbered.corpus.num_lines))
    rows, other = (RowReader(numbered.corpus, 3, bidirectional=True) for _ in range(2))
    for _ in range(num_read):
        rows.read(4, lambda row: next(queue))
    state = json.loads(json.dumps(rows.state_dict()))
    assert state.keys() == {"sentence", "place"}  # as checkpoints store them
    other.load_state_dict(state)
    following = list(queue)
    queues = iter(following), iter(following)
    expected, _ = rows.read(9, lambda row: next(queues[0]))
    windows, _ = other.read(9, lambda row: next(queues[1]))
    for one, two in zip(windows, expected, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
        np.testing.assert_array_equal(one.targets, two.targets)


@pytest.mark.parametrize("rows", [range(1), range(1, 3), range(2, 4)])
def test_some_rows_are_those_of_a_reader_of_all(numbered, rows):
    """Also behind the position that another reader has saved."""
    last = numbered.corpus.num_lines
    queues = [iter([*range(last)] * 3) for _ in range(3)]
    full = RowReader(numbered.corpus, 4, bidirectional=True)
    part = RowReader(numbered.corpus, 4, bidirectional=True, rows=rows)
    later = RowReader(numbered.corpus, 4, bidirectional=True, rows=rows)
    for step in range(4):
        expected, _ = full.read(5, lambda row: next(queues[0]))
        windows, sentences = part.read(5, lambda row: next(queues[1]))
        found = [windows]
        if step > 1:
            found.append(later.read(5, lambda row: next(queues[2]))[0])
        else:
            later.load_state_dict(part.state_dict())
            queues[2], queues[1] = itertools.tee(queues[1])
        for directions in found:
            for one, two in zip(directions, expected, strict=True):
                for name in ("inputs", "targets", "is_counted"):
                    np.testing.assert_array_equal(getattr(one, name), getattr(two, name)[:, rows])
        assert part.state_dict() == full.state_dict()
        assert 0 < len(sentences) < last * 3


@pytest.mark.parametrize("num_parts", [1, 2, 4])
def test_the_parts_of_a_batch_have_its_rows_and_their_types_only(numbered, num_parts):
    text = numbered.indexed(max_characters=50)
    queue = iter([*range(numbered.corpus.num_lines)] * 3)
    rows = RowReader(numbered.corpus, 4, bidirectional=True)
    batch = text.batch(*rows.read(6, lambda row: next(queue)))
    parts = list(batch.split(num_parts))
    assert len(parts) == num_parts
    for part in parts:
        assert all(tensor.is_contiguous() for tensor in (*part.inputs, *part.targets))
        assert part.batch_sizes == (4 // num_parts,) * 6
        np.testing.assert_array_equal(part.types, np.unique(part.types))
        assert set(torch.cat(part.inputs).tolist()) == set(range(len(part.types)))
        assert torch.equal(part.char_ids, batch.char_ids[np.searchsorted(batch.types, part.types)])
        assert torch.equal(part.word_ids, batch.word_ids[np.searchsorted(batch.types, part.types)])

    def types(one, direction):
        return one.types[one.inputs[direction].numpy()].reshape(6, -1)

    for direction in range(2):
        joined = np.concatenate([types(part, direction) for part in parts], axis=1)
        np.testing.assert_array_equal(joined, types(batch, direction))
        targets = torch.cat([part.targets[direction].view(6, -1) for part in parts], dim=1)
        assert torch.equal(targets.flatten(), batch.targets[direction])
        joined = np.concatenate([part.target_types[direction] for part in parts], axis=1)
        np.testing.assert_array_equal(joined, batch.target_types[direction])

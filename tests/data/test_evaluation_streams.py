from __future__ import annotations

from collections import Counter

import pytest

from elmokit.data.evaluation_streams import bilm_test_stream, every_token_once
from elmokit.data.vocabulary import EOS_ID, Vocabulary


@pytest.mark.parametrize("num_rows", [1, 2, 3, 7, 16, 54, 55, 64])
@pytest.mark.parametrize("num_steps", [1, 4, 50])
@pytest.mark.parametrize("num_warm_up", [0, 5, 10_000])
def test_every_token_is_a_target_once(numbered, targets_of, num_rows, num_steps, num_warm_up):
    counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    for batch in every_token_once(
        numbered.indexed(),
        num_rows=num_rows,
        num_steps=num_steps,
        num_warm_up=num_warm_up,
        bidirectional=True,
    ):
        for direction, count in enumerate(counts):
            count.update(targets_of(batch, direction)[batch.is_counted].tolist())
    words = dict.fromkeys(range(3, len(numbered.vocabulary)), 1)
    assert counts[0] == {**words, EOS_ID: numbered.corpus.num_sentences}
    assert counts[1] == {**words, 0: numbered.corpus.num_sentences}


def test_rows_read_parts_of_the_text_in_order(numbered, targets_of):
    rows: list[list[int]] = [[], [], []]
    stream = every_token_once(numbered.indexed(), num_rows=3, num_steps=4, num_warm_up=9, bidirectional=False)
    for batch in stream:
        for row, read in enumerate(rows):
            read += targets_of(batch, 0)[batch.is_counted[:, row], row].tolist()
    words = [target for row in rows for target in row if target != EOS_ID]
    assert words == list(range(3, len(numbered.vocabulary)))
    assert max(map(len, rows)) < 1.2 * min(map(len, rows))


@pytest.mark.parametrize("num_rows", range(1, 6))
def test_blank_lines_at_both_ends_of_the_text(make_text, targets_of, num_rows):
    text = make_text("\n\na b\n\n\nc\n\n", Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "c"]))
    targets: Counter[int] = Counter()
    for batch in every_token_once(
        text.indexed(), num_rows=num_rows, num_steps=2, num_warm_up=3, bidirectional=False
    ):
        targets.update(targets_of(batch, 0)[batch.is_counted].tolist())
    assert targets == {3: 1, 4: 1, 5: 1, EOS_ID: 2}


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_of_the_originals_test(original, ids_of, ids_of_original, batch_size):
    batches = bilm_test_stream(original.indexed(8), batch_size=batch_size, bidirectional=True)
    assert [ids_of(batch) for batch in batches] == ids_of_original(f"stream_test_b{batch_size}_t1")


def test_more_rows_than_sentences_for_the_originals_test(original):
    batches = bilm_test_stream(original.indexed(8), batch_size=99, bidirectional=True)
    assert list(batches) == []

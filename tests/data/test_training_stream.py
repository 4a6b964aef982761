from __future__ import annotations

import json
from collections import Counter
from functools import partial
from itertools import islice

import numpy as np
import pytest

from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.sentence_order import SentenceOrder
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import EOS_ID, Vocabulary
from elmokit.errors import CorpusError


@pytest.fixture
def epoch_of_targets(targets_of):
    """Forward targets of one batch row in one epoch, in order."""

    def read(stream: TrainingStream) -> list[int]:
        targets: list[int] = []
        for batch in stream:
            targets += targets_of(batch, 0)[:, 0].tolist()
            if len(targets) >= stream.num_predictions_per_epoch:
                break
        return targets

    return read


def test_batches_are_those_of_the_original(original, ids_of, ids_of_original):
    expected = ids_of_original("stream_train_b2_t4_first8")
    assert [ids_of(batch) for batch in islice(original.stream(), len(expected))] == expected


def test_one_direction(original, targets_of, ids_of_original):
    batch = next(iter(original.stream(bidirectional=False)))
    assert len(batch.inputs) == len(batch.targets) == 1
    expected = ids_of_original("stream_train_b2_t4_first8")[0]["next_token_id"]
    assert targets_of(batch, 0).T.tolist() == expected


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_every_target_once_in_each_epoch(numbered, epoch_of_targets, shuffle, keep):
    corpus, vocabulary = numbered.corpus, numbered.vocabulary
    reader = numbered.stream(batch_size=1, unroll_steps=1, shuffle=shuffle, keep_blank_lines=keep)
    num_lines = 60 if keep else 60 - corpus.num_blank_lines
    assert reader.num_predictions_per_epoch == corpus.num_tokens + num_lines
    for _ in range(3):
        targets = Counter(epoch_of_targets(reader))
        assert targets.pop(EOS_ID) == num_lines
        assert targets == dict.fromkeys(range(3, len(vocabulary)), 1)


def test_each_epoch_has_a_new_order_and_each_seed_its_own(numbered, epoch_of_targets):
    def orders(seed: int) -> list[list[int]]:
        reader = numbered.stream(batch_size=1, unroll_steps=1, shuffle=True, seed=seed)
        return [epoch_of_targets(reader) for _ in range(3)]

    assert orders(1) == orders(1)
    assert len({tuple(order) for seed in (1, 2) for order in orders(seed)}) == 6


def test_unshuffled_epochs_are_in_file_order(numbered, epoch_of_targets):
    reader = numbered.stream(batch_size=1, unroll_steps=1)
    first, second = (epoch_of_targets(reader) for _ in range(2))
    words = [target for target in first if target != EOS_ID]
    assert words == sorted(words)
    assert first == second


def test_both_directions_read_the_same_sentences(numbered):
    for batch in islice(numbered.stream(batch_size=3, unroll_steps=7, shuffle=True), 30):
        # Where one direction ends a sentence, so does the other.
        ends = [(targets == end).numpy() for targets, end in zip(batch.targets, (EOS_ID, 0), strict=True)]
        assert np.array_equal(*ends)


@pytest.mark.parametrize(
    ("shuffle", "keep", "batch_size"), [(False, True, 2), (True, False, 3), (True, True, 5)]
)
def test_a_stream_continues_from_every_position(
    numbered, seen_by_model, shuffle, keep, batch_size, monkeypatch
):
    small_reads = partial(SentenceOrder, read_ahead=7)  # smaller than an epoch
    monkeypatch.setattr("elmokit.data.training_stream.SentenceOrder", small_reads)
    settings = {
        "batch_size": batch_size,
        "unroll_steps": 5,
        "shuffle": shuffle,
        "keep_blank_lines": keep,
        "seed": 4,
    }
    reader = numbered.stream(**settings)
    num_steps = 2 * reader.num_predictions_per_epoch // (batch_size * 5) + 3
    states, expected = [], []
    for batch in islice(reader, num_steps):
        expected.append(seen_by_model(batch))
        states.append(json.loads(json.dumps(reader.state_dict())))
    assert {state["order"]["epoch"] for state in states} == {0, 1, 2}
    for step, state in enumerate(states[:-1]):
        again = numbered.stream(**settings)
        next(iter(again))  # whatever it did before
        again.load_state_dict(state)
        assert again.state_dict() == state
        following = expected[step + 1 : step + 4]
        assert [seen_by_model(batch) for batch in islice(again, len(following))] == following


def test_the_state_has_the_names_that_checkpoints_store(numbered):
    assert numbered.stream().state_dict() == {
        "order": {"epoch": 0, "next_place": 0},
        "lanes": {"sentence": [-1, -1], "place": [0, 0]},
    }


def test_the_state_before_the_first_batch_is_the_beginning(numbered, seen_by_model):
    reader, again = numbered.stream(), numbered.stream()
    again.load_state_dict(reader.state_dict())
    assert seen_by_model(next(iter(again))) == seen_by_model(next(iter(reader)))


def test_fewer_sentences_than_batch_rows_are_refused(numbered):
    with pytest.raises(CorpusError, match=r"text\.txt: 55 sentences are too few for batch_size=56"):
        numbered.stream(batch_size=56)
    next(iter(numbered.stream(batch_size=55)))


def test_blank_lines_are_no_sentences_for_batch_rows(make_text):
    text = make_text("\n\na b\n\n\nc\n\n", Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "c"]))
    assert text.stream(keep_blank_lines=False).num_predictions_per_epoch == 5
    with pytest.raises(CorpusError, match="2 sentences are too few"):
        text.stream(batch_size=3)


def test_a_text_in_memory_that_is_too_short_is_named():
    text = IndexedCorpus(
        Corpus.from_sentences([["a"]]), Vocabulary(["<S>", "</S>", "<UNK>", "a"]), max_characters=None
    )
    with pytest.raises(CorpusError, match=r"^training text: 1 sentences are too few for batch_size=2"):
        TrainingStream(
            text,
            batch_size=2,
            unroll_steps=1,
            bidirectional=False,
            shuffle=False,
            keep_blank_lines=False,
            seed=0,
        )


def test_a_batch_knows_the_lines_of_its_window(numbered):
    batch = next(iter(numbered.stream(batch_size=3, unroll_steps=1)))
    assert batch.sentences == (0, 1, 2)

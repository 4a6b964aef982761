from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from elmokit.data.batches import RowReader, TextBatch
from elmokit.data.corpus import prepare_corpus
from elmokit.data.evaluation_streams import bilm_test_stream, every_token_once
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import EOS_ID, Vocabulary
from elmokit.errors import CorpusError

GOLDEN = Path(__file__).parents[1] / "golden/batcher_quirks"
QUIRKS = json.loads((GOLDEN / "quirks.json").read_text(encoding="utf-8"))


def prepared(directory: Path, text: str):
    (directory / "text.txt").write_text(text, encoding="utf-8")
    return prepare_corpus([str(directory / "text.txt")], cache_dir=directory / "cache")


def stream(corpus, vocabulary, **settings) -> TrainingStream:
    defaults = {
        "batch_size": 2,
        "unroll_steps": 4,
        "bidirectional": True,
        "shuffle": False,
        "keep_blank_lines": True,
        "seed": 0,
    }
    text = IndexedCorpus(corpus, vocabulary, max_characters=8)
    return TrainingStream(text, **{**defaults, **settings})


def inputs_of(batch: TextBatch, direction: int) -> np.ndarray:
    """(T, B) rows of the table of types."""
    return batch.inputs[direction].numpy().reshape(batch.is_counted.shape)


def targets_of(batch: TextBatch, direction: int) -> np.ndarray:
    """(T, B) vocabulary ids."""
    return batch.targets[direction].numpy().reshape(batch.is_counted.shape)


def ids(batch: TextBatch) -> dict[str, list[list[int]]]:
    """As the original names them, lanes first."""
    inputs = [batch.word_ids.numpy()[inputs_of(batch, d)].T.tolist() for d in range(len(batch.inputs))]
    targets = [targets_of(batch, d).T.tolist() for d in range(len(batch.inputs))]
    return {
        "token_ids": inputs[0],
        "next_token_id": targets[0],
        "token_ids_reverse": inputs[1],
        "next_token_id_reverse": targets[1],
    }


def positions(batch: TextBatch) -> tuple:
    """Everything that a model sees of a batch, to be compared."""
    return (batch.types.tolist(), [places.tolist() for places in batch.inputs], ids(batch), batch.sentences)


# --- the original's streams ----------------------------------------------------------------------


@pytest.fixture
def golden(tmp_path):
    corpus = prepared(tmp_path, (GOLDEN / "stream.txt").read_text(encoding="utf-8"))
    return corpus, Vocabulary.load(GOLDEN / "vocab_ok.txt")


def expected_ids(case: str) -> list[dict[str, list[list[int]]]]:
    names = ("token_ids", "next_token_id", "token_ids_reverse", "next_token_id_reverse")
    return [{name: batch[name] for name in names} for batch in QUIRKS[case]]


def test_training_batches_are_those_of_the_original(golden):
    expected = expected_ids("stream_train_b2_t4_first8")
    assert [ids(batch) for batch in islice(stream(*golden), len(expected))] == expected


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_of_the_originals_test(golden, batch_size):
    corpus, vocabulary = golden
    text = IndexedCorpus(corpus, vocabulary, max_characters=8)
    batches = bilm_test_stream(text, batch_size=batch_size, bidirectional=True)
    assert [ids(batch) for batch in batches] == expected_ids(f"stream_test_b{batch_size}_t1")


def test_windows_of_several_steps_are_those_of_the_original(golden):
    corpus, vocabulary = golden
    text = IndexedCorpus(corpus, vocabulary, max_characters=None)
    queue = iter(range(len(corpus.offsets) - 1))
    rows = RowReader(corpus, 2, bidirectional=True)
    expected = expected_ids("stream_test_b2_t3")
    for window in expected:
        assert ids(text.batch(*rows.read(3, lambda row: next(queue, None)))) == window
    windows, _ = rows.read(3, lambda row: next(queue, None))
    assert not windows[0].is_counted.all()


def test_a_batch_holds_each_type_once_and_its_characters(golden):
    corpus, vocabulary = golden
    for batch in islice(stream(corpus, vocabulary), 4):
        assert batch.types.tolist() == sorted(set(batch.types.tolist()))
        assert set(np.concatenate([rows.numpy() for rows in batch.inputs])) == set(range(len(batch.types)))
        assert batch.char_ids is not None
        assert batch.char_ids.tolist() == corpus.types.char_rows(batch.types, 8).tolist()


def test_out_of_vocabulary_words_keep_their_characters(golden):
    corpus, vocabulary = golden  # "dog" is not in it
    dog = next(k for k in range(2, len(corpus.types)) if corpus.types.spelling(k) == b"dog")
    batch = next(batch for batch in stream(corpus, vocabulary) if dog in batch.types)
    place = batch.types.tolist().index(dog)
    assert batch.word_ids[place] == 2
    assert batch.char_ids is not None
    assert batch.char_ids[place, 1:4].tolist() == list(b"dog")


def test_one_direction(golden):
    batch = next(iter(stream(*golden, bidirectional=False)))
    assert len(batch.inputs) == len(batch.targets) == 1
    assert targets_of(batch, 0).T.tolist() == expected_ids("stream_train_b2_t4_first8")[0]["next_token_id"]


# --- every token once, shuffled ------------------------------------------------------------------


@pytest.fixture
def numbered(tmp_path):
    """Sentences whose words occur once, so that targets tell what was read."""
    rng = random.Random(1)
    lines, word = [], 0
    for k in range(60):
        length = 0 if k % 11 == 5 else rng.randint(1, 9)
        lines.append(" ".join(f"w{word + j}" for j in range(length)))
        word += length
    corpus = prepared(tmp_path, "\n".join(lines) + "\n")
    return corpus, Vocabulary(["<S>", "</S>", "<UNK>", *(f"w{k}" for k in range(word))])


def epoch_of_targets(reader: TrainingStream, num_predictions: int) -> list[int]:
    """Forward targets of one lane, in order."""
    targets: list[int] = []
    for batch in reader:
        targets += targets_of(batch, 0)[:, 0].tolist()
        if len(targets) >= num_predictions:
            break
    return targets


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_every_target_once_in_each_epoch(numbered, shuffle, keep):
    corpus, vocabulary = numbered
    reader = stream(corpus, vocabulary, batch_size=1, unroll_steps=1, shuffle=shuffle, keep_blank_lines=keep)
    num_lines = 60 if keep else 60 - corpus.num_blank_lines
    assert reader.num_predictions_per_epoch == corpus.num_tokens + num_lines
    for _ in range(3):
        targets = Counter(epoch_of_targets(reader, reader.num_predictions_per_epoch))
        assert targets.pop(EOS_ID) == num_lines
        assert targets == dict.fromkeys(range(3, len(vocabulary)), 1)


def test_each_epoch_has_a_new_order_and_each_seed_its_own(numbered):
    def orders(seed: int) -> list[list[int]]:
        reader = stream(*numbered, batch_size=1, unroll_steps=1, shuffle=True, seed=seed)
        return [epoch_of_targets(reader, reader.num_predictions_per_epoch) for _ in range(3)]

    assert orders(1) == orders(1)
    assert len({tuple(order) for seed in (1, 2) for order in orders(seed)}) == 6


def test_unshuffled_epochs_are_in_file_order(numbered):
    reader = stream(*numbered, batch_size=1, unroll_steps=1)
    first, second = (epoch_of_targets(reader, reader.num_predictions_per_epoch) for _ in range(2))
    words = [target for target in first if target != EOS_ID]
    assert words == sorted(words)
    assert first == second


def test_both_directions_read_the_same_sentences(numbered):
    for batch in islice(stream(*numbered, batch_size=3, unroll_steps=7, shuffle=True), 30):
        # Where one direction ends a sentence, so does the other.
        ends = [(targets == end).numpy() for targets, end in zip(batch.targets, (EOS_ID, 0), strict=True)]
        assert np.array_equal(*ends)


@pytest.mark.parametrize(
    ("shuffle", "keep", "batch_size"), [(False, True, 2), (True, False, 3), (True, True, 5)]
)
def test_a_stream_goes_on_from_every_position(numbered, shuffle, keep, batch_size, monkeypatch):
    monkeypatch.setattr("elmokit.data.sentence_order._READ_AHEAD", 7)  # smaller than an epoch
    settings = {
        "batch_size": batch_size,
        "unroll_steps": 5,
        "shuffle": shuffle,
        "keep_blank_lines": keep,
        "seed": 4,
    }
    reader = stream(*numbered, **settings)
    num_steps = 2 * reader.num_predictions_per_epoch // (batch_size * 5) + 3
    states, expected = [], []
    for batch in islice(reader, num_steps):
        expected.append(positions(batch))
        states.append(json.loads(json.dumps(reader.state_dict())))
    assert {state["order"]["epoch"] for state in states} == {0, 1, 2}
    for step, state in enumerate(states[:-1]):
        again = stream(*numbered, **settings)
        next(iter(again))  # whatever it did before
        again.load_state_dict(state)
        assert again.state_dict() == state
        following = expected[step + 1 : step + 4]
        assert [positions(batch) for batch in islice(again, len(following))] == following


def test_the_state_before_the_first_batch_is_the_beginning(numbered):
    reader, again = stream(*numbered), stream(*numbered)
    again.load_state_dict(reader.state_dict())
    assert positions(next(iter(again))) == positions(next(iter(reader)))


def test_fewer_sentences_than_lanes_are_refused(numbered):
    with pytest.raises(CorpusError, match=r"text\.txt: 55 sentences are too few for batch_size=56"):
        stream(*numbered, batch_size=56)
    next(iter(stream(*numbered, batch_size=55)))


def test_the_lines_of_a_window_are_told(numbered):
    batch = next(iter(stream(*numbered, batch_size=3, unroll_steps=1)))
    assert batch.sentences == (0, 1, 2)


# --- evaluation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("num_rows", [1, 2, 3, 7, 16, 54, 55, 64])
@pytest.mark.parametrize("num_steps", [1, 4, 50])
@pytest.mark.parametrize("num_warm_up", [0, 5, 10_000])
def test_every_token_is_a_target_once(numbered, num_rows, num_steps, num_warm_up):
    corpus, vocabulary = numbered
    counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    text = IndexedCorpus(corpus, vocabulary, max_characters=None)
    for batch in every_token_once(
        text,
        num_rows=num_rows,
        num_steps=num_steps,
        num_warm_up=num_warm_up,
        bidirectional=True,
    ):
        for direction, count in enumerate(counts):
            count.update(targets_of(batch, direction)[batch.is_counted].tolist())
    words = dict.fromkeys(range(3, len(vocabulary)), 1)
    assert counts[0] == {**words, EOS_ID: corpus.num_sentences}
    assert counts[1] == {**words, 0: corpus.num_sentences}


def test_lanes_read_stretches_of_the_text_in_order(numbered):
    corpus, vocabulary = numbered
    text = IndexedCorpus(corpus, vocabulary, max_characters=None)
    lanes: list[list[int]] = [[], [], []]
    for batch in every_token_once(text, num_rows=3, num_steps=4, num_warm_up=9, bidirectional=False):
        for lane, read in enumerate(lanes):
            read += targets_of(batch, 0)[batch.is_counted[:, lane], lane].tolist()
    words = [target for lane in lanes for target in lane if target != EOS_ID]
    assert words == list(range(3, len(vocabulary)))
    assert max(map(len, lanes)) < 1.2 * min(map(len, lanes))


def test_blank_lines_at_both_ends_of_the_text(tmp_path):
    corpus = prepared(tmp_path, "\n\na b\n\n\nc\n\n")
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "c"])
    text = IndexedCorpus(corpus, vocabulary, max_characters=None)
    for num_rows in range(1, 6):
        targets: Counter[int] = Counter()
        for batch in every_token_once(
            text, num_rows=num_rows, num_steps=2, num_warm_up=3, bidirectional=False
        ):
            targets.update(targets_of(batch, 0)[batch.is_counted].tolist())
        assert targets == {3: 1, 4: 1, 5: 1, EOS_ID: 2}
    reader = stream(corpus, Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "c"]), keep_blank_lines=False)
    assert reader.num_predictions_per_epoch == 5
    with pytest.raises(CorpusError, match="2 sentences are too few"):
        stream(corpus, Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "c"]), batch_size=3)


def test_lanes_without_a_sentence_for_the_originals_test(golden):
    corpus, vocabulary = golden
    text = IndexedCorpus(corpus, vocabulary, max_characters=8)
    batches = bilm_test_stream(text, batch_size=99, bidirectional=True)
    assert list(batches) == []

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.replay import CorpusWithReplay
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import Vocabulary

NEW = ["new a b", "new c", "", "new a a a b c", "new b"] * 8
OLD = ["old x", "old y z a", "old x x"] * 5


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    corpora = []
    for name, lines in (("new", NEW), ("old", OLD)):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
        corpora.append(prepare_corpus([str(tmp_path / f"{name}.txt")]))
    return corpora


@pytest.fixture
def vocabulary():
    return Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "x", "new", "old"])


def stream_of(texts, vocabulary, share, *, shuffle=True, batch_size=3):
    new, old = (IndexedCorpus(text, vocabulary, max_characters=8) for text in texts)
    return TrainingStream(
        new.with_replay(old),
        batch_size=batch_size,
        unroll_steps=4,
        bidirectional=True,
        shuffle=shuffle,
        keep_blank_lines=False,
        seed=3,
        replay_share=share,
    )


def test_a_sentence_is_what_it_was_and_spelled_as_it_was(texts, vocabulary):
    corpus = CorpusWithReplay(*texts)
    for index, line in [*enumerate(NEW), *((len(NEW) + k, line) for k, line in enumerate(OLD))]:
        whole = np.array([index]), np.array([0]), np.array([corpus.length(index) + 2])
        types = corpus.spans(*whole, 1)
        words = ["<S>", *line.split(), "</S>"]
        expected = [vocabulary.id_of(word) for word in words]
        assert corpus.types.word_ids(vocabulary)[types].tolist() == expected
        assert corpus.length(index) == len(words) - 2
        own = texts[index >= len(NEW)]
        own_types = own.sentence(index - len(NEW) * (index >= len(NEW)))
        rows = corpus.types.char_rows(types, 8)
        np.testing.assert_array_equal(rows, own.types.char_rows(own_types, 8))
    assert corpus.location(len(NEW) + 2).endswith("old.txt:3")
    assert corpus.location(2).endswith("new.txt:3")


@pytest.mark.parametrize("share", [0.1, 0.4, 0.75])
def test_the_share_of_the_old_text(texts, vocabulary, share):
    stream = stream_of(texts, vocabulary, share)
    num_old = num_all = 0
    for batch in islice(stream, 300):
        is_old = np.array([k >= len(texts[0].types) for k in batch.types])
        num_old += int(is_old[batch.inputs[0]].sum())
        num_all += int((batch.types > 1)[batch.inputs[0]].sum())
    assert num_old / num_all == pytest.approx(share, abs=0.05)
    epoch = stream.num_predictions_per_epoch
    assert epoch == round((texts[0].num_tokens + texts[0].num_sentences) / (1 - share))


def test_the_new_text_is_read_in_full_before_it_repeats(texts, vocabulary):
    stream = stream_of(texts, vocabulary, 0.3, batch_size=1)
    batches_of: dict[int, list[int]] = {}
    for number, batch in enumerate(islice(stream, stream.num_predictions_per_epoch // 4 - 3)):
        for sentence in batch.sentences:
            batches_of.setdefault(sentence, []).append(number)
    new = {sentence: numbers for sentence, numbers in batches_of.items() if sentence < len(NEW)}
    assert all(numbers == list(range(numbers[0], numbers[-1] + 1)) for numbers in new.values())
    assert len(new) >= sum(map(bool, NEW)) - 6


@pytest.mark.parametrize("shuffle", [False, True])
def test_it_continues_from_every_position(texts, vocabulary, shuffle):
    reader = stream_of(texts, vocabulary, 0.4, shuffle=shuffle)
    states, batches = [], []
    for batch in islice(reader, 60):
        batches.append(batch)
        states.append(json.loads(json.dumps(reader.state_dict())))
    for position in range(0, 59, 7):
        other = stream_of(texts, vocabulary, 0.4, shuffle=shuffle)
        other.load_state_dict(states[position])
        batch = next(iter(other))
        np.testing.assert_array_equal(batch.types, batches[position + 1].types)
        for mine, theirs in zip(batch.targets, batches[position + 1].targets, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_share_of_nothing_is_the_new_text_alone(texts, vocabulary):
    stream = stream_of(texts, vocabulary, 0.0)
    assert all(max(batch.sentences) < len(NEW) for batch in islice(stream, 50))

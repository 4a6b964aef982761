"""Small prepared texts, what the original reads from one of them, and views of batches."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from elmokit.data.corpus import Corpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary

if TYPE_CHECKING:  # these import PyTorch, which most tests here do without
    from elmokit.data.batches import TextBatch
    from elmokit.data.indexed_corpus import IndexedCorpus
    from elmokit.data.training_stream import TrainingStream

GOLDEN = Path(__file__).parents[1] / "golden/batcher_quirks"
QUIRKS = json.loads((GOLDEN / "quirks.json").read_text(encoding="utf-8"))
_IDS = ("token_ids", "next_token_id", "token_ids_reverse", "next_token_id_reverse")
SPECIALS = ("<S>", "</S>", "<UNK>")


@dataclass(frozen=True)
class Text:
    corpus: Corpus
    vocabulary: Vocabulary

    def indexed(self, max_characters: int | None = None) -> IndexedCorpus:
        from elmokit.data.indexed_corpus import IndexedCorpus

        return IndexedCorpus(self.corpus, self.vocabulary, max_characters=max_characters)

    def stream(self, **settings) -> TrainingStream:
        from elmokit.data.training_stream import TrainingStream

        defaults = {
            "batch_size": 2,
            "unroll_steps": 4,
            "bidirectional": True,
            "shuffle": False,
            "keep_blank_lines": True,
            "seed": 0,
        }
        return TrainingStream(self.indexed(8), **{**defaults, **settings})


@pytest.fixture
def make_text(tmp_path) -> Callable[[str, Vocabulary], Text]:
    def make(content: str, vocabulary: Vocabulary) -> Text:
        (tmp_path / "text.txt").write_text(content, encoding="utf-8")
        return Text(prepare_corpus([str(tmp_path / "text.txt")], cache_dir=tmp_path / "prepared"), vocabulary)

    return make


@pytest.fixture
def original(make_text) -> Text:
    """The text that bilm-tf has read."""
    content = (GOLDEN / "stream.txt").read_text(encoding="utf-8")
    return make_text(content, Vocabulary.load(GOLDEN / "vocab_ok.txt"))


@pytest.fixture
def ids_of_original() -> Callable[[str], list[dict[str, list[list[int]]]]]:
    """The ids in the batches of bilm-tf, for a case of the recording."""
    return lambda case: [{name: batch[name] for name in _IDS} for batch in QUIRKS[case]]


@pytest.fixture
def numbered(make_text) -> Text:
    """Sentences whose words occur once, so that targets show what was read."""
    rng = random.Random(1)
    lines, word = [], 0
    for k in range(60):
        length = 0 if k % 11 == 5 else rng.randint(1, 9)
        lines.append(" ".join(f"w{word + j}" for j in range(length)))
        word += length
    return make_text("\n".join(lines) + "\n", Vocabulary([*SPECIALS, *(f"w{k}" for k in range(word))]))


def _inputs_of(batch: TextBatch, direction: int) -> np.ndarray:
    """(T, B) rows of the table of types."""
    return batch.inputs[direction].numpy().reshape(batch.is_counted.shape)


def _targets_of(batch: TextBatch, direction: int) -> np.ndarray:
    """(T, B) vocabulary ids."""
    return batch.targets[direction].numpy().reshape(batch.is_counted.shape)


def _ids_of(batch: TextBatch) -> dict[str, list[list[int]]]:
    """The ids under the original's names, batch rows first."""
    inputs = [batch.word_ids.numpy()[_inputs_of(batch, d)].T.tolist() for d in range(len(batch.inputs))]
    targets = [_targets_of(batch, d).T.tolist() for d in range(len(batch.inputs))]
    return dict(zip(_IDS, (inputs[0], targets[0], inputs[1], targets[1]), strict=True))


@pytest.fixture
def targets_of() -> Callable[[TextBatch, int], np.ndarray]:
    return _targets_of


@pytest.fixture
def ids_of() -> Callable[[TextBatch], dict[str, list[list[int]]]]:
    return _ids_of


@pytest.fixture
def seen_by_model() -> Callable[[TextBatch], tuple]:
    """Everything that a model sees of a batch, to be compared."""
    return lambda batch: (
        batch.types.tolist(),
        [rows.tolist() for rows in batch.inputs],
        _ids_of(batch),
        batch.sentences,
    )

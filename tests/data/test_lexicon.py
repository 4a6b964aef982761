"""The alphabet and the words of ELMoForManyLangs models: spelling, saving, damage."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from elmokit.data.lexicon import CHARACTER_SPECIALS, WORD_SPECIALS, Lexicon
from elmokit.errors import ModelFileError

#            0        1        2        3        4        5
SYMBOLS = ("<bos>", "<eos>", "<bow>", "<eow>", "<oov>", "<pad>", "a", "é", "\u3000", "日")
WORDS = ("<oov>", "<pad>", "aaaaa", "aé", "<bos>")


def table(entries):
    return {entry: k for k, entry in enumerate(entries)}


@pytest.fixture
def lexicon() -> Lexicon:
    return Lexicon(table(SYMBOLS), table(WORDS), 7)


@pytest.mark.parametrize(
    ("word", "char_ids", "word_id"),
    [
        # The markers of a word are swapped, as in the package.
        ("<bos>", [3, 0, 2, 5, 5, 5, 5], 4),
        ("<eos>", [3, 1, 2, 5, 5, 5, 5], 0),
        ("<bow>", [3, 4, 4, 4, 4, 4, 2], 0),  # no character, but five
        ("aé", [3, 6, 7, 2, 5, 5, 5], 3),
        ("ae\u0301", [3, 6, 4, 4, 2, 5, 5], 0),  # code points, not letters
        ("日\u3000x", [3, 9, 8, 4, 2, 5, 5], 0),
        ("", [3, 2, 5, 5, 5, 5, 5], 0),
        ("aaaaaaaa", [3, 6, 6, 6, 6, 6, 2], 2),  # cut before the word is looked up
        ("<bos>x", [3, 0, 2, 5, 5, 5, 5], 4),  # cut to the marker
        ("\ud800", [3, 4, 2, 5, 5, 5, 5], 0),
    ],
)
def test_spelling(lexicon, word, char_ids, word_id):
    spelled = lexicon.index(["a", word])
    assert spelled.char_ids.dtype == spelled.word_ids.dtype == np.int64
    assert spelled.char_ids[1].tolist() == char_ids
    assert spelled.word_ids.tolist() == [0, word_id]


def test_the_markers_of_a_sentence(lexicon):
    assert (lexicon.bos, lexicon.eos) == ("<bos>", "<eos>")


def test_one_part_alone():
    spelled = Lexicon(table(SYMBOLS), None, 7).index(["a"])
    assert (spelled.char_ids.shape, spelled.word_ids) == ((1, 7), None)
    spelled = Lexicon(None, table(WORDS), 7).index(["aaaaaa"])
    assert (spelled.char_ids, spelled.word_ids.tolist()) == (None, [2])


def test_no_word(lexicon):
    spelled = lexicon.index([])
    assert (spelled.char_ids.shape, spelled.word_ids.shape) == ((0, 7), (0,))


@pytest.mark.parametrize("missing", ["nothing", "characters", "words"])
def test_what_is_saved_is_loaded(tmp_path, missing):
    lexicon = Lexicon(
        None if missing == "characters" else table(SYMBOLS),
        None if missing == "words" else table([*WORDS, "\u2028", '"', "a b"]),
        50,
    )
    lexicon.save(tmp_path / "lexicon.json")
    loaded = Lexicon.load(tmp_path / "lexicon.json")
    assert loaded == lexicon
    assert loaded.num_symbols == (None if missing == "characters" else 10)
    assert loaded.num_words == (None if missing == "words" else 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"characters": 3}, "characters: expected a table of ids"),
        ({"words": {"a": "0"}}, "words: expected a table of ids"),
        ({"words": {"a": True}}, "words: expected a table of ids"),
        ({"words": {}}, "words: <oov> missing; words: <pad> missing"),
        ({"words": {**table(WORDS), "b": 6}}, "words: 'b' has the id 6, expected 0 to 5"),
        ({"words": {**table(WORDS), "b": -1}}, "words: 'b' has the id -1, expected 0 to 5"),
        ({"words": {**table(WORDS), "b": 3}}, "words: 'b' has the same id as 'aé', 3"),
        (
            {"words": {**table(WORDS), "b": 9, "d": 0, "e": 99, "f": 1, "g": 10}},
            "words: 'd' has the same id as '<oov>', 0; words: 'e' has the id 99, expected 0 to 9; "
            "words: 'f' has the same id as '<pad>', 1; words: and 1 more ids like these",
        ),
        ({"max_characters": 6}, "max_characters: expected 7 to 10000, got 6"),
        ({"max_characters": 7.0}, "max_characters: expected 7 to 10000, got 7.0"),
        (
            {"characters": table(SYMBOLS[1:]), "words": table(WORDS[1:]), "max_characters": None},
            "characters: <bos> missing; words: <oov> missing; max_characters: expected 7 to 10000, got None",
        ),
        ({"more": 1}, "expected characters, max_characters, words"),
    ],
)
def test_damage(lexicon, tmp_path, changes, message):
    path = tmp_path / "lexicon.json"
    lexicon.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ModelFileError, match=f"^{re.escape(f'{path}: {message}')}$"):
        Lexicon.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"3"])
def test_no_json(tmp_path, content):
    (tmp_path / "lexicon.json").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"lexicon\.json: (not valid JSON|expected )"):
        Lexicon.load(tmp_path / "lexicon.json")


def test_no_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"lexicon\.json: cannot read: No such file or directory"):
        Lexicon.load(tmp_path / "lexicon.json")


def test_the_specials():
    assert set(SYMBOLS[:6]) == set(CHARACTER_SPECIALS)
    assert set(WORD_SPECIALS) == {"<oov>", "<pad>"}

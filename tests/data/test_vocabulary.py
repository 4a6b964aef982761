from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmokit.data.vocabulary import BOS, BOS_ID, EOS, EOS_ID, UNK, UNK_ID, Vocabulary
from elmokit.errors import OutputError, TextError, VocabularyError

SPECIALS = "<S>\n</S>\n<UNK>\n"


@pytest.fixture
def load(tmp_path: Path):
    def load(content: str | bytes) -> Vocabulary:
        path = tmp_path / "vocab.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Vocabulary.load(path)

    return load


class TestLoad:
    def test_ids(self, load):
        vocabulary = load(SPECIALS + "the\n.\nnaïve\ncat\n")
        assert vocabulary.words == ("<S>", "</S>", "<UNK>", "the", ".", "naïve", "cat")
        assert [vocabulary.id_of(word) for word in ("the", "cat", "dog", UNK)] == [3, 6, 2, 2]
        assert [vocabulary[i] for i in (BOS_ID, EOS_ID, UNK_ID, 5)] == [BOS, EOS, UNK, "naïve"]
        assert len(vocabulary) == 7
        assert "naïve" in vocabulary
        assert "dog" not in vocabulary

    def test_lines_are_stripped_and_the_end_may_be_blank(self, load):
        assert load("<S> \r\n</S>\n<UNK>\n\tthe\n\n \n") == load(SPECIALS + "the")

    def test_maxtermid_is_skipped(self, load):
        assert load(SPECIALS + "a\n!!!MAXTERMID\nb\n!!!MAXTERMID\n").words[3:] == ("a", "b")

    def test_compressed(self, tmp_path):
        path = tmp_path / "vocab.txt.gz"
        path.write_bytes(gzip.compress(SPECIALS.encode() + b"the\n"))
        assert Vocabulary.load(str(path)).words[3:] == ("the",)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            # The original would take "cat" for <S>, </S> and <UNK>.
            (
                "the\n.\ncat\n",
                "vocab.txt:1: got 'the', expected <S> (the first three words are <S>, </S>, <UNK>)",
            ),
            ("</S>\n<S>\n<UNK>\nthe\n", "vocab.txt:1: got '</S>', expected <S>"),
            ("<S>\n</S>\nthe\n<UNK>\n", "vocab.txt:3: got 'the', expected <UNK>"),
            ("!!!MAXTERMID\n<S>\n</S>\nthe\n", "vocab.txt:4: got 'the', expected <UNK>"),
            ("<S>\n</S>\n", "vocab.txt:2: the list ends here, expected <UNK>"),
            (
                SPECIALS + "a\nb\na\n",
                "vocab.txt:6: 'a' already occurs at {dir}/vocab.txt:4; expected each word once",
            ),
            (
                SPECIALS + "!!!MAXTERMID\na\nb\nb\na\n<S>\n",
                "vocab.txt:7: 'b' already occurs at {dir}/vocab.txt:6 (and 2 more duplicates)",
            ),
            (SPECIALS + "a\n\n!!!MAXTERMID\nc\n", "vocab.txt:5: blank, expected a word"),
            (
                SPECIALS + "the\nthe cat\n",
                "vocab.txt:5: 'the cat' contains white space, so no token can match it",
            ),
            (SPECIALS + "a\u00a0b\n", r"vocab.txt:4: 'a\xa0b' contains white space"),
            ("", "vocab.txt: the file is empty"),
            ("\n\n", "vocab.txt: the file is empty"),
        ],
    )
    def test_refused(self, load, tmp_path, content, message):
        with pytest.raises(VocabularyError, match=re.escape(message.format(dir=tmp_path))) as caught:
            load(content)
        assert "`elmokit vocabulary`" in str(caught.value)

    def test_invalid_utf8_names_the_line(self, load):
        with pytest.raises(TextError, match=r"vocab\.txt:4: not valid UTF-8 \(byte 0xe9 at column 4\)"):
            load(SPECIALS.encode() + b"caf\xe9\n")

    def test_missing_file(self, tmp_path):
        with pytest.raises(TextError, match=r"no\.txt: cannot read: No such file"):
            Vocabulary.load(tmp_path / "no.txt")


class TestLoadInAnyOrder:
    def test_special_words_anywhere(self, tmp_path):
        (tmp_path / "v.txt").write_text("the\n<UNK>\n<S>\ncat\n</S>\n")
        vocabulary, rows = Vocabulary.load_in_any_order(tmp_path / "v.txt")
        assert vocabulary.words == (BOS, EOS, UNK, "the", "cat")
        assert rows == [2, 4, 1, 0, 3]

    def test_missing_special_words(self, tmp_path):
        (tmp_path / "v.txt").write_text("the\n<S>\n")
        with pytest.raises(VocabularyError, match="no line is </S> or <UNK>: not the vocabulary of a biLM"):
            Vocabulary.load_in_any_order(tmp_path / "v.txt")

    def test_the_last_row_of_a_special_word_counts(self, tmp_path):
        (tmp_path / "v.txt").write_text("<S>\n</S>\n<UNK>\nthe\n<S>\n")
        vocabulary, rows = Vocabulary.load_in_any_order(tmp_path / "v.txt")
        assert rows == [4, 1, 2, 0, 3]
        assert vocabulary.words == (BOS, EOS, UNK, BOS, "the")
        assert (vocabulary.id_of(BOS), vocabulary.unreachable) == (0, (3,))


class TestRowsOfAModel:
    """Rows are lines: a line that is no word keeps its row, which no token reaches."""

    LINES = (BOS, EOS, UNK, "the", "10\u00a0000", "", "cat", "the", UNK, "dog")

    @pytest.fixture
    def path(self, tmp_path):
        (tmp_path / "v.txt").write_text("\n".join(self.LINES) + "\n", encoding="utf-8")
        return tmp_path / "v.txt"

    def test_every_line_has_its_row(self, path):
        vocabulary = Vocabulary.load_rows(path)
        assert vocabulary.words == self.LINES
        assert vocabulary.unreachable == (3, 4, 5, 8)
        ids = [vocabulary.id_of(word) for word in ("the", "10\u00a0000", "", "cat", UNK, "dog", "cow")]
        assert ids == [7, UNK_ID, UNK_ID, 6, UNK_ID, 9, UNK_ID]
        assert "" not in vocabulary
        assert "the" in vocabulary

    def test_what_can_be_looked_up(self, path):
        known = Vocabulary.load_rows(path).without_unreachable()
        assert known.words == (BOS, EOS, UNK, "cat", "the", "dog")
        assert known.without_unreachable() is known

    def test_round_trip(self, path, tmp_path):
        vocabulary = Vocabulary.load_rows(path)
        vocabulary.save(tmp_path / "again.txt")
        assert Vocabulary.load_rows(tmp_path / "again.txt") == vocabulary
        assert Vocabulary.load_rows(tmp_path / "again.txt").unreachable == vocabulary.unreachable

    def test_a_blank_line_at_the_end_may_be_a_row(self, tmp_path):
        (tmp_path / "v.txt").write_text("<S>\n</S>\n<UNK>\nthe\n\n\n\n")
        sizes = [len(Vocabulary.load_rows(tmp_path / "v.txt", n)) for n in (None, 4, 5, 6, 9)]
        assert sizes == [4, 4, 5, 6, 4]

    def test_a_new_vocabulary_is_strict(self, path):
        with pytest.raises(VocabularyError, match=r"v\.txt:5: '10\\xa0000' contains white space"):
            Vocabulary.load(path)

    def test_the_special_words_must_be_there(self, tmp_path):
        (tmp_path / "v.txt").write_text("<S>\nthe\n<UNK>\n")
        with pytest.raises(VocabularyError, match=r"v\.txt:2: got 'the', expected </S>"):
            Vocabulary.load_rows(tmp_path / "v.txt")


class TestVocabulary:
    def test_constructor_validates(self):
        with pytest.raises(VocabularyError, match=r"^word 5: 'a' already occurs at word 4; "):
            Vocabulary([BOS, EOS, UNK, "a", "a"])
        with pytest.raises(VocabularyError, match=r"^word 1: the list ends here, expected <S>"):
            Vocabulary([])
        with pytest.raises(VocabularyError, match="word 4: !!!MAXTERMID is skipped in files"):
            Vocabulary([BOS, EOS, UNK, "!!!MAXTERMID"])

    def test_errors_have_the_location_of_the_word(self):
        with pytest.raises(VocabularyError, match=r"^row 4: 'a' already occurs at row 3;"):
            Vocabulary([BOS, EOS, UNK, "a", "a"], lambda index: f"row {index}")

    def test_the_old_name_of_location(self):
        with (
            pytest.warns(DeprecationWarning, match="the argument place of Vocabulary is now location"),
            pytest.raises(VocabularyError, match=r"^row 3: blank"),
        ):
            Vocabulary([BOS, EOS, UNK, ""], place=lambda index: f"row {index}")

    def test_is_immutable(self):
        words = [BOS, EOS, UNK, "a"]
        vocabulary = Vocabulary(words)
        words.append("b")
        assert len(vocabulary) == 4
        with pytest.raises(AttributeError):
            vocabulary.words = ()  # type: ignore[misc]

    def test_fingerprint_is_that_of_the_words_in_order(self):
        a, b = Vocabulary([BOS, EOS, UNK, "a", "b"]), Vocabulary([BOS, EOS, UNK, "b", "a"])
        # b2sum --length=128 of the words joined by newlines
        assert a.fingerprint == "8312c8f8e8186bc77ff0f10002ff967e"
        assert a.fingerprint != b.fingerprint
        assert a != b
        assert a == Vocabulary(a.words)
        assert hash(a) == hash(Vocabulary(a.words))

    def test_save_and_load(self, tmp_path):
        vocabulary = Vocabulary([BOS, EOS, UNK, "naïve", "中", "\ufeffx", "a\u200bb"])
        vocabulary.save(tmp_path / "new/vocab.txt")
        assert Vocabulary.load(tmp_path / "new/vocab.txt") == vocabulary
        assert (tmp_path / "new/vocab.txt").read_bytes().startswith(b"<S>\n</S>\n<UNK>\nna\xc3\xafve\n")

    def test_cannot_save_over_a_directory(self, tmp_path):
        with pytest.raises(OutputError, match="is a directory"):
            Vocabulary([BOS, EOS, UNK]).save(tmp_path)


COUNTS = Counter(
    {"b": 2, "é": 2, "a": 2, "Z": 2, "the": 9, "rare": 1, UNK: 50, BOS: 7, EOS: 7, "!!!MAXTERMID": 8}
)


class TestFromCounts:
    def test_descending_frequency_then_code_points(self):
        words = Vocabulary.from_counts(COUNTS).words
        assert words == (BOS, EOS, UNK, "the", "Z", "a", "b", "é", "rare")
        assert Vocabulary.from_counts(dict(reversed(COUNTS.items()))).words == words

    def test_limits(self):
        assert Vocabulary.from_counts(COUNTS, min_count=3).words[3:] == ("the",)
        assert Vocabulary.from_counts(COUNTS, max_size=6).words[3:] == ("the", "Z", "a")
        assert len(Vocabulary.from_counts(COUNTS, max_size=100)) == 9

    def test_no_word_left(self):
        with pytest.raises(
            VocabularyError, match="no word occurs at least 10 times, the most frequent one occurs 9 times"
        ):
            Vocabulary.from_counts(COUNTS, min_count=10)
        with pytest.raises(VocabularyError, match="max_size is 3, expected at least 4"):
            Vocabulary.from_counts(COUNTS, max_size=3)

    @given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
    def test_tokens_of_any_text_make_a_file_that_loads(self, tmp_path_factory, lines):
        counts = Counter(token for line in lines for token in line.split())
        if not counts - Counter(dict.fromkeys((BOS, EOS, UNK), 99)):
            return
        path = tmp_path_factory.getbasetemp() / "any.txt"
        vocabulary = Vocabulary.from_counts(counts)
        vocabulary.save(path)
        assert Vocabulary.load(path) == vocabulary

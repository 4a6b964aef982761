import pytest

from elmokit.downstream.words.pair_data import ranks, read_pairs
from elmokit.downstream.words.senses import read_senses
from elmokit.downstream.words.tables import Table
from elmokit.errors import TextError


def test_a_table():
    table = Table("t.tsv", ["Sense\tindex\ttokens", "", "s1\t1\tthe bank"])
    (example,) = read_senses(table)
    assert (example.lemma, example.sense, example.occurrence.word) == ("bank", "s1", "bank")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "t.tsv: empty"),
        (["sense\tindex\ttokens"], "no rows"),
        (["index\ttokens", "0\ta"], "t.tsv:1: no column sense or label or synset"),
        (["sense\tindex\ttokens", "s\t0"], "t.tsv:2: expected 3 columns separated by tabs, .* got 2"),
        (["sense\tindex\ttokens", "s\t2\ta b"], "t.tsv:2: index: .* from 0 to 1, got '2'"),
        (["sense\tindex\ttokens", "s\tx\ta b"], "got 'x'"),
        (["sense\tindex\ttokens", "s\t0\t "], "t.tsv:2: tokens: empty"),
    ],
)
def test_what_is_wrong_has_its_line(lines, message):
    with pytest.raises(TextError, match=message):
        read_senses(Table("t.tsv", lines))


def test_pairs_of_words_and_of_sentences():
    words = read_pairs(Table("t", ["same_sense\tindex1\tindex2\ttokens1\ttokens2", "T\t0\t1\ta b\tc a"]))
    assert (words.of_words, words.kind, words.targets.tolist()) == (True, "label", [1.0])
    assert (words.first[0].word, words.second[0].word) == ("a", "a")
    sentences = read_pairs(Table("t", ["score\tsentence1\tsentence2", "3.5\ta b\tc", "0\ta\tc"]))
    assert (sentences.of_words, sentences.kind, sentences.targets.tolist()) == (False, "score", [3.5, 0.0])
    asked = read_pairs(Table("t", ["text1\ttext2", "a\tb"]), tagged=False)
    assert asked.targets is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["label\ttokens1\ttokens2", "maybe\ta\tb"], "t:2: label: expected 1 or 0, T or F, got 'maybe'"),
        (["score\ttokens1\ttokens2", "nan\ta\tb"], "t:2: score: expected a number, got 'nan'"),
        (["tokens1\ttokens2", "a\tb"], "t:1: no column same_sense or label"),
        (["label\tindex1\ttokens1\ttokens2", "1\t0\ta\tb"], "expected both index1 and index2"),
    ],
)
def test_pairs_that_cannot_be_read(lines, message):
    with pytest.raises(TextError, match=message):
        read_pairs(Table("t", lines))


def test_ranks_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    values = [3.0, 1.0, 3.0, 2.0, 3.0, 1.0]
    assert ranks(values).tolist() == stats.rankdata(values).tolist()

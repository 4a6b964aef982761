"""Names of groups, with the evidence computed again from the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elmokit.visualize.group_names import names_of_groups

GROUPS = np.array([0] * 6 + [1] * 4)
WORDS = [["The", "vote"], ["the", "vote"], ["the", "right"], ["the", "law"], ["the", "law"], ["the", "law"],
         ["now", "US"], ["now", "us"], ["the", "US"], ["a", "US"]]  # fmt: skip
USUAL = [[*words, "the"] if "The" not in words else words for words in WORDS]  # "the" is everywhere


def evidence(word: str) -> float:
    """How surely a word is more frequent in the first group: log-odds with an informative prior."""
    sets = [{word.lower() for word in words} for words in WORDS]
    usual = [{word.lower() for word in words} for words in USUAL]
    share = sum(word in one for one in usual) / sum(map(len, usual))
    strength = 1.0 * sum(map(len, sets))
    odds, variance = [], 0.0
    for part in (sets[:6], sets[6:]):
        count = sum(word in one for one in part) + strength * share
        odds.append(math.log(count / (sum(map(len, part)) + strength - count)))
        variance += 1 / count
    return (odds[0] - odds[1]) / math.sqrt(variance)


def test_the_words_with_most_evidence_become_the_name():
    assert evidence("law") > evidence("vote") > 0
    scores = {
        word: abs(evidence(word))
        * math.sqrt(math.log(10 / sum(word in map(str.lower, own) for own in USUAL)))
        for word in ("now", "us", "law", "vote")
    }
    written = {"now": "now", "us": "US", "law": "law", "vote": "vote"}  # as each is written most often
    expected = [
        " · ".join(written[word] for word in sorted(pair, key=scores.__getitem__, reverse=True))
        for pair in (("law", "vote"), ("now", "us"))
    ]
    assert names_of_groups(GROUPS, WORDS, USUAL, ["x", "y"], num_words=2) == expected  # "the" is everywhere


@pytest.mark.parametrize(
    ("least", "has_vote"), [(evidence("vote") - 1e-6, True), (evidence("vote") + 1e-6, False)]
)
def test_a_word_without_evidence_is_no_name(monkeypatch, least, has_vote):
    monkeypatch.setattr("elmokit.visualize.group_names._LEAST_EVIDENCE", least)
    names = names_of_groups(GROUPS, WORDS, USUAL, ["x", "y"], num_words=2)
    assert ("vote" in names[0]) == has_vote


def test_without_a_typical_word_the_other_name_is_taken():
    same = [["a"]] * 10
    assert names_of_groups(GROUPS, same, same, ["first", "second"], num_words=2) == ["first", "second"]
    assert names_of_groups(GROUPS, same, same, ["one", "one"], num_words=2) == ["one", "group 2"]
    assert names_of_groups(GROUPS, same, same, ["", ""], num_words=2) == ["group 1", "group 2"]
    lonely = [["a"]] * 6 + [[]] * 4
    assert names_of_groups(GROUPS, lonely, lonely, ["x", "y"], num_words=2)[1] == "y"

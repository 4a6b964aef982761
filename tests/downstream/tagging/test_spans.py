import itertools
import random

import pytest

from elmokit.downstream.tagging.spans import (
    Fault,
    Span,
    as_bio,
    as_bioes,
    constraints_of,
    detect_scheme,
    faults,
    read_spans,
    tags_of_types,
    write_spans,
)
from elmokit.errors import ConfigError


def all_sequences(scheme, length=4):
    return itertools.product(tags_of_types(["X", "Y"], scheme), repeat=length)


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-PER", "I-PER"], "BIO"),
        (["O", "I-PER"], "BIO"),
        (["O", "S-a-b"], "BIOES"),
        (["NOUN", "VERB"], None),
        (["O", "B-PER", "NOUN"], None),
        (["O"], None),
        (["I-"], None),
        ([], None),
    ],
)
def test_the_scheme_of_tags(tags, scheme):
    assert detect_scheme(tags) == scheme


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_valid_sequences_are_those_that_spans_give(scheme):
    """A sequence is valid if writing its spans gives it back; the constraints say the same."""
    names = tags_of_types(["X", "Y"], scheme)
    constraints, index = constraints_of(names, scheme), {name: k for k, name in enumerate(names)}
    for tags in all_sequences(scheme, 3):
        is_valid = tuple(write_spans(read_spans(tags), 3, scheme)) == tags
        assert (not list(faults(tags, scheme))) == is_valid, tags
        ids = [index[tag] for tag in tags]
        is_allowed = (
            bool(constraints.start[ids[0]])
            and bool(constraints.end[ids[-1]])
            and all(bool(constraints.transitions[pair]) for pair in itertools.pairwise(ids))
        )
        assert is_allowed == is_valid, tags


def test_schemes_are_converted_without_loss():
    for tags in all_sequences("BIO"):
        if not list(faults(tags, "BIO")):
            assert tuple(as_bio(as_bioes(tags))) == tags
            assert not list(faults(as_bioes(tags), "BIOES"))


def test_spans_of_bio_are_those_of_seqeval():
    """Also of invalid sequences, which seqeval reads as conlleval does."""
    entities = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
    for tags in all_sequences("BIO"):
        expected = [Span(type_, start, end + 1) for type_, start, end in entities(list(tags))]
        assert read_spans(tags) == expected, tags


def test_spans_of_valid_bioes_are_those_of_seqeval():
    scheme = pytest.importorskip("seqeval.scheme")
    for tags in all_sequences("BIOES"):
        if not list(faults(tags, "BIOES")):
            found = scheme.Entities([list(tags)], scheme.IOBES).entities[0]
            assert read_spans(tags) == [Span(own.tag, own.start, own.end) for own in found], tags


def test_iob1():
    tags = ["I-PER", "I-PER", "B-PER", "I-ORG", "O", "I-LOC"]
    assert as_bio(tags) == ["B-PER", "I-PER", "B-PER", "B-ORG", "O", "B-LOC"]


def test_repair_changes_only_what_is_invalid():
    rng = random.Random(0)
    names = tags_of_types(["X", "Y"], "BIOES")
    for _ in range(300):
        tags = rng.choices(names, k=rng.randint(0, 6))
        repaired = as_bioes(tags)
        assert not list(faults(repaired, "BIOES"))
        assert as_bioes(repaired) == repaired
        assert [tag == "O" for tag in repaired] == [tag == "O" for tag in tags]


def test_faults_have_their_place():
    assert list(faults(["I-X", "O", "B-X", "I-Y"], "BIO")) == [
        Fault(0, "I-X at the start of a sentence"),
        Fault(3, "I-Y after B-X"),
    ]
    assert list(faults(["B-X"], "BIOES")) == [Fault(1, "B-X at the end of a sentence")]


def test_a_tag_of_another_scheme():
    with pytest.raises(ConfigError, match="tag 'S-X' is not one of BIO"):
        constraints_of(["O", "S-X"], "BIO")

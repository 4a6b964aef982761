"""The lists of characters and words are parsed as ELMoForManyLangs parses them."""

from __future__ import annotations

import pytest

from elmokit import load


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_are_read_as_the_package_reads_them(model, end):
    """Lines are stripped, of what may be the entry itself; spaces inside stay; an equal line is no harm."""
    entries = list(load(model).lexicon.words)
    entries[entries.index("cat")] = "black cat "
    lines = [f" {entry}\t{k} " for k, entry in enumerate(entries)]
    lines[entries.index("\u3000")] = "\u00a0\t" + str(entries.index("\u3000"))
    (model / "word.dic").write_bytes(end.join([*lines, lines[3]]).encode())
    words = load(model).lexicon.words
    assert words == {entry: k for k, entry in enumerate(entries)}
    assert {"\u3000", "black cat "} <= words.keys()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"<oov>", b"<oof>", "model: char.dic: <oov> missing"),
        (b"\t3\n", b"\t3000\n", "has the id 3000, expected 0 to"),
        (b"\t3\n", b"\tthree\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t3\t3\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t3\n\n", "expected an entry, a tab and its id, got ''"),
        (b"\t3\n", b"\t\xff3\n", "char.dic: not valid UTF-8 at byte"),
        (b"\t3\n", b"\t-3\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t" + b"9" * 5000 + b"\n", "has the id 9999999999999999999"),
        (b"\t3\n", b"\t4\n", "char.dic: '\\u3000' has the same id as \"'\", 4"),
        (b"\t3\n", b"\t3\nw\t7\n", "char.dic: line 5: 'w' has the id 7, but 0 before"),
    ],
)
def test_a_damaged_list(model, old, new, message, load_error):
    content = (model / "char.dic").read_bytes()
    assert old in content
    (model / "char.dic").write_bytes(content.replace(old, new, 1))
    assert message in load_error(model)


def test_all_problems_of_the_lists_at_once(model, load_error):
    (model / "char.dic").write_text("a\n" * 7)
    (model / "word.dic").write_text("the\t0\ncat\t1\n")
    line = "expected an entry, a tab and its id, got 'a'"
    assert load_error(model) == (
        f"{model}: "
        + "".join(f"char.dic: line {number}: {line}; " for number in range(1, 6))
        + "char.dic: and 2 more lines like these; word.dic: <oov> missing; word.dic: <pad> missing"
    )

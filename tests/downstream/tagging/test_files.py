import pytest

from elmokit.downstream.tagging.files import TaggedReader, read_tagged, write_tagged
from elmokit.errors import ConfigError, TextError

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

-DOCSTART- -X- O O

Peter NNP B-NP B-PER
"""

CONLLU = """\
# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\tMood=Imp\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\tS\t_\t5\tcase\t_\t_
4\tel\tel\tDET\tD\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\tN\t_\t1\tobl\t_\t_
5.1\tva\tir\tVERB\tV\t_\t_\t_\t1:x\t_

# sent_id = 2
1\t10 000\t10 000\tNUM\tZ\t_\t0\troot\t_\t_
"""

TSV = "O\tDET\n#\tPUNCT\n\ncasa nova\tNOUN\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="data.conll"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (CONLL_2003, {}, [(["EU", "rejects"], ["B-ORG", "O"]), (["Peter"], ["B-PER"])]),
        ("-DOCSTART-\n\nEU X\n", {}, [(["EU"], ["X"])]),
        (CONLL_2003, {"column": "2"}, [(["EU", "rejects"], ["NNP", "VBZ"]), (["Peter"], ["NNP"])]),
        (CONLL_2003, {"column": "-2"}, [(["EU", "rejects"], ["B-NP", "B-VP"]), (["Peter"], ["B-NP"])]),
        (
            CONLLU,
            {},
            [
                (["vamos", "nos", "a", "el", "mar"], ["VERB", "PRON", "ADP", "DET", "NOUN"]),
                (["10 000"], ["NUM"]),
            ],
        ),
        (
            CONLLU,
            {"column": "xpos"},
            [(["vamos", "nos", "a", "el", "mar"], list("VPSDN")), (["10 000"], ["Z"])],
        ),
        (TSV, {}, [(["O", "#"], ["DET", "PUNCT"]), (["casa nova"], ["NOUN"])]),
        ("b\u00a0c  X\n \t\nd\tY \n", {}, [(["b\u00a0c"], ["X"]), (["d"], ["Y"])]),
        ("\ufeffa\tX\r\n\r\n\r\nb\tY", {}, [(["a"], ["X"]), (["b"], ["Y"])]),
    ],
)
def test_layouts_are_recognized(write, text, options, expected):
    found = read_tagged(write(text), **options)
    assert [(own.tokens, own.tags) for own in found] == expected


def predicted(text, **options):
    """The text with the tag T1, T2, ... of each token of a sentence."""
    reader = TaggedReader("data", tagged=False, **options)
    lines = []
    for sentence in reader.read(text.split("\n")[: -1 if text.endswith("\n") else None]):
        assert sentence.tags is None
        tags = [f"T{number}" for number, _ in enumerate(sentence.tokens, start=1)]
        lines += write_tagged(reader.layout, sentence, tags)
    return "\n".join(lines)


def test_predictions_replace_the_column_of_conllu_and_keep_the_rest():
    found = predicted(CONLLU)
    expected = CONLLU
    for number, tag in enumerate(["VERB", "PRON", "ADP", "DET", "NOUN"], start=1):
        expected = expected.replace(f"\t{tag}\t", f"\tT{number}\t", 1)
    assert found == expected.replace("NUM", "T1")


def test_predictions_are_a_further_column_of_other_files():
    assert predicted(CONLL_2003).split("\n")[:4] == [
        "-DOCSTART- -X- -X- O",
        "",
        "EU NNP B-NP B-ORG T1",
        "rejects VBZ B-VP O T2",
    ]
    assert predicted(TSV) == "O\tDET\tT1\n#\tPUNCT\tT2\n\ncasa nova\tNOUN\tT1\n"


def test_plain_text_becomes_two_columns():
    assert predicted("a b\n\nc\n") == "a\tT1\nb\tT2\n\n\nc\tT1\n"
    assert predicted("# a\n", layout_name="text") == predicted("# a\n") == "#\tT1\na\tT2\n"


def test_one_token_a_line():
    assert predicted("a\nb\n\nc\n", layout_name="conll") == "a T1\nb T2\n\nc T1\n"


def test_the_place_of_a_token(write):
    second = read_tagged(write(CONLLU))[0]
    assert second.place_of(0).endswith(":4")
    assert second.place_of(4).endswith(":9")
    assert second.place_of(5).endswith(":9")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tX\nb\n", {}, r"data.conll:2: expected 2 columns as in the first line, got 1: 'b'"),
        ("a b X\n \t\nd  X\n", {}, r":3: expected 3 columns as in the first line, got 2"),
        ("a\tX\n\tX\n", {}, r":2: the token is empty"),
        ("a\tX\nb\t\n", {}, r":2: the tag is empty"),
        ("a\nb\n", {}, "expected a token and a tag a line"),
        ("\n\n", {}, "no tokens in it"),
        ("-DOCSTART- O\n\n", {}, "no tokens in it"),
        ("", {}, "no tokens in it"),
        (CONLLU.replace("mar\tmar", "mar mar"), {}, r":9: expected 10 columns separated by tabs"),
        (
            CONLLU.replace("\n\n# sent_id = 2", ""),
            {},
            r":11: expected word 6 .* got the ID '1': is the empty line",
        ),
        (CONLLU.replace("\tNUM\t", "\t_\t"), {}, r":13: '10 000' has no UPOS"),
    ],
)
def test_what_is_wrong_has_its_line(write, text, options, message):
    with pytest.raises(TextError, match=message):
        read_tagged(write(text), **options)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (TSV, {"column": "3"}, "expected a number from 2 to 2"),
        (TSV, {"column": "1"}, "got '1'"),
        (TSV, {"column": "upos"}, "got 'upos'"),
        (CONLLU, {"column": "pos"}, "or one of lemma, upos"),
        (TSV, {"layout": "xml"}, "format: expected conllu, tsv, conll, text, got 'xml'"),
    ],
)
def test_wrong_columns(write, text, options, message):
    with pytest.raises(ConfigError, match=message):
        read_tagged(write(text), **options)

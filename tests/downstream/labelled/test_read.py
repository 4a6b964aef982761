from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

from elmokit.downstream.labelled.read import read_labelled
from elmokit.errors import MissingTextError, TextError

SENTIMENT = Path(__file__).parents[3] / "examples" / "data" / "sentiment"


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write_file


def test_columns_are_found_by_their_names():
    found = read_labelled(str(SENTIMENT / "dev.tsv"))
    assert found.note == "texts: column 'tokens', labels: column 'label'"
    assert found.counts() == {"neg": 110, "neu": 42, "pos": 125}
    assert found.places[0].endswith("dev.tsv:2")
    assert (found.texts[0], found.labels[0]) == ("incredibe price / performance .", ("pos",))
    assert not found.is_multi_label


@pytest.mark.parametrize(
    ("content", "options", "rows", "note"),
    [
        ("no\tbad film\nyes\tgood\nno\tfilm\n", {}, [("bad film", "no"), ("good", "yes"), ("film", "no")],
         "texts: column 2, labels: column 1, no header"),
        ("bad film\tno\ngood\tno\n", {}, [("bad film", "no"), ("good", "no")],
         "texts: column 1, labels: column 2, no header"),
        ("stars\tremark\n5\tgood\n", {"text_column": "remark", "label_column": "stars"}, [("good", "5")], ""),
        ("1\ta\tx\n2\tb\ty\n", {"text_column": "2", "label_column": "3"}, [("a", "x"), ("b", "y")], ""),
        ('Text\tSentiment\n" quoted " it\'s\tpos\n\n', {}, [('" quoted " it\'s', "pos")],
         "texts: column 'Text', labels: column 'Sentiment'"),
        ("text\tlabel\n\tneg\n", {}, [("", "neg")], "texts: column 'text', labels: column 'label'"),
    ],
)  # fmt: skip
def test_tab_separated(write, content, options, rows, note):
    found = read_labelled(write("data.tsv", content), **options)
    assert [(text, label) for text, (label,) in found] == rows
    assert found.note == note


def test_quoted_fields_of_any_length_and_with_line_ends(write):
    rows = [("text", "label"), ('say "so",\nplease', "a,b"), ("word " * 100_000, "c")]
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    limit = csv.field_size_limit()
    found = read_labelled(write("data.csv.gz", gzip.compress(stream.getvalue().encode())))
    assert [(text, label) for text, (label,) in found] == rows[1:]
    assert [place.rpartition(":")[2] for place in found.places] == ["2", "4"]
    assert csv.field_size_limit() == limit


def test_json_lines(write):
    lines = [
        {"id": 1, "review": "good", "label": 1},
        {"review": ["two", "tokens"], "label": True, "more": None},
    ]
    found = read_labelled(write("data.jsonl", "\n\n".join(map(json.dumps, lines))))
    assert list(found) == [("good", ("1",)), ("two tokens", ("true",))]
    assert found.places[1].endswith(":3")
    assert found.note == "texts: 'review', labels: 'label'"


def test_several_labels(write):
    found = read_labelled(write("d.tsv", "text\tlabels\na\tx, y,x\nb\t\n"), label_delimiter=",")
    assert (found.is_multi_label, list(found)) == (True, [("a", ("x", "y")), ("b", ())])
    found = read_labelled(write("d.jsonl", '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": []}'))
    assert (found.is_multi_label, list(found)) == (True, [("a", ("x", "y")), ("b", ())])


def test_texts_alone(write):
    found = read_labelled(write("d.tsv", "text\tother\na\t1\n"), needs_label=False)
    assert list(found) == [("a", ())]
    found = read_labelled(write("d.jsonl", '{"text": "a"}'), needs_label=False)
    assert list(found) == [("a", ())]
    found = read_labelled(write("e.tsv", "a\nb\n"), needs_label=False)
    assert found.texts == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.tsv", "", "d.tsv: no texts: the file is empty"),
        ("d.tsv", "text\tlabel\n", "d.tsv: no texts: expected at least one line besides the header"),
        ("d.tsv", "text\tlabel\na\tx\nb\n", "d.tsv:3: expected 2 columns, as in the first line, got 1"),
        ("d.tsv", "text\tlabel\na\t \n", "d.tsv:2: no label: expected one for each text"),
        ("d.tsv", "a\tb\tc\n", "cannot tell which column is the text: name it (--text-column)"),
        ("d.tsv", "text\tb\tc\n", "cannot tell which column is the label: name it (--label-column)"),
        ("d.tsv", "grade\tremark\n1\ta\n2\tb\n1\tc\n2\td\n", "the first line may be a header: its 'grade'"),
        ("d.tsv", b"text\tlabel\n\xe9\tx\n", "d.tsv:2: not valid UTF-8"),
        ("d.csv", 'text,label\na,x\n"b,x\nc,d\n', "d.csv:3: not valid CSV"),
        ("d.jsonl", '{"text": "a", "label": 1}\n{"text": ', "d.jsonl:2: not valid JSON"),
        ("d.jsonl", "[1]\n", "d.jsonl:1: expected a JSON object, got list"),
        ("d.jsonl", '{"text": "a", "label": null}', "d.jsonl:1: expected a label, got null"),
        ("d.jsonl", '{"text": 3, "label": 1}', "d.jsonl:1: text: expected a string, got 3"),
        ("d.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}', "d.jsonl:2: no 'label': there are 'text'"),
        ("d.jsonl", '{"x": "a"}', "d.jsonl:1: cannot tell which key is the text"),
    ],
)  # fmt: skip
def test_faults_have_their_place(write, name, content, message):
    with pytest.raises(TextError) as raised:
        read_labelled(write(name, content))
    assert message in str(raised.value)


def test_a_column_that_is_not_there(write):
    path = write("d.tsv", "text\tlabel\na\tx\n")
    with pytest.raises(TextError, match="no column 'body': there are 'text', 'label'"):
        read_labelled(path, text_column="body")
    with pytest.raises(TextError, match="the text and the label are the same column"):
        read_labelled(path, text_column="label")
    with pytest.raises(MissingTextError):
        read_labelled("nothing.tsv")


def test_folders_of_reviews(tmp_path):
    for part, label, name, text in [
        ("train", "pos", "0_9.txt", "A good film.<br /><br />Really.\nYes."),
        ("train", "neg", "0_1.txt", "Bad."),
        ("train", "unsup", "0_0.txt", "Unknown."),
    ]:
        (tmp_path / part / label).mkdir(parents=True)
        (tmp_path / part / label / name).write_text(text)
    found = read_labelled(str(tmp_path / "train"))
    assert list(found) == [("Bad.", ("neg",)), ("A good film.  Really. Yes.", ("pos",))]
    assert found.note == "labels: neg, pos; left out: unsup"
    with pytest.raises(
        TextError, match=r"expected a folder of .txt files for each label.*give one of .*train"
    ):
        read_labelled(str(tmp_path))


@pytest.fixture
def keras(tmp_path):
    def write_arrays(**arrays) -> str:
        (tmp_path / "imdb_word_index.json").write_text('{"the": 1, "film": 2}')
        np.savez(tmp_path / "imdb.npz", **arrays)
        return str(tmp_path / "imdb.npz")

    return write_arrays


def test_arrays_of_keras(keras):
    ids = np.array([[1, 4, 5, 0], [1, 2, 4, 9]])
    path = keras(x_train=ids, y_train=np.array([1, 0]), x_test=ids[:1], y_test=np.array([5]))
    assert list(read_labelled(path)) == [("the film", ("pos",)), ("<UNK> the <UNK>", ("neg",))]
    assert list(read_labelled(path, part="test")) == [("the film", ("5",))]


def test_pickled_arrays_of_keras_are_refused(keras, tmp_path):
    ragged = np.array([[1, 4], [1]], dtype=object)
    with pytest.raises(TextError, match=r"x_train: its lists are pickled, .* write them with numpy.savez"):
        read_labelled(keras(x_train=ragged, y_train=np.array([1, 0])))
    with pytest.raises(TextError, match="no array x_train: there are y"):
        read_labelled(keras(y=np.zeros(2)))
    with pytest.raises(TextError, match="x_train: expected 2 integers of each review"):
        read_labelled(keras(x_train=np.zeros((2, 3)), y_train=np.zeros(2, int)))
    path = keras(x_train=np.ones((2, 3), int), y_train=np.zeros(2, int))
    (tmp_path / "imdb_word_index.json").unlink()
    with pytest.raises(TextError, match="expected the word index of Keras beside the arrays"):
        read_labelled(path)
    Path(path).write_bytes(b"PK\x03\x04")
    with pytest.raises(TextError, match="cannot read the arrays"):
        read_labelled(path)

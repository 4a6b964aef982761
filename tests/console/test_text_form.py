from __future__ import annotations

import os
import threading

import pytest

from elmokit.console.text_form import punctuation, warn_of_form
from elmokit.data.find import find_texts

RAW = "Does it work? Yes, it does: slowly, but well!\n"
TOKENIZED = "Does it work ? Yes , it does : slowly , but well !\n"


@pytest.fixture
def warnings_of(tmp_path, capsys):
    def find(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        warn_of_form(find_texts(tmp_path / name))
        return capsys.readouterr().err

    return find


def test_raw_text(warnings_of):
    warning = warnings_of("raw.txt", RAW)
    assert warning.startswith("warning: this text does not look tokenized: for elmokit, 'work?' is one word")
    assert "another one than 'work'" in warning


@pytest.mark.parametrize(
    "content",
    [
        TOKENIZED,
        TOKENIZED + "Yes, it does, slowly\n",  # accidents
        "Mr. and Mrs. Smith vs. the U.S. at 10:30\n",
        "M K T A Y I A K\n",  # a protein
        "Так, але\n",  # too few to tell
        "\n\n",
        "",
    ],
)
def test_text_that_is_right(warnings_of, content):
    assert warnings_of("text.txt", content) == ""


@pytest.mark.parametrize("name", ["notes.csv", "notes.tsv", "notes.jsonl", "notes.csv.txt"])
def test_a_table(warnings_of, name):
    assert f"{name}: read as text, where every line is a sentence" in warnings_of(name, "id text\n")


def test_the_marks_are_counted():
    assert punctuation([RAW]) == (["work?", "Yes,", "does:", "slowly,", "well!"], 0)
    assert punctuation([TOKENIZED, "10:30, 5,\n"]) == ([], 5)


def test_a_pipe_is_left_alone(tmp_path):
    """What is read of it here would be missing later."""
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=warn_of_form, args=[find_texts(tmp_path / "pipe")], daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


def test_commands_that_read_text_warn(run_cli, tmp_path):
    (tmp_path / "raw.txt").write_text(RAW * 2)
    for arguments in (
        ["vocabulary", tmp_path / "raw.txt", "-o", tmp_path / "vocab.txt"],
        ["shard", tmp_path / "raw.txt", "-o", tmp_path / "shards", "--num-shards", "1"],
        ["embed", "tiny-en", tmp_path / "raw.txt", tmp_path / "vectors.hdf5"],
        ["score", "tiny-en", tmp_path / "raw.txt"],
    ):
        result = run_cli(*arguments)
        assert result.exit_code == 0
        assert "does not look tokenized" in result.err, arguments

from __future__ import annotations

import os
from collections import Counter

import pytest
from fsspec.implementations.memory import MemoryFileSystem


@pytest.fixture(autouse=True)
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("the cat .\n\n" + "the dog .\n" * 600)
    (tmp_path / "b.txt").write_text("cat <UNK>\n")
    return tmp_path


def test_writes_the_vocabulary_and_reports_its_coverage(run_cli, text):
    result = run_cli("vocabulary", "--input", "*.txt", "--output", "out/vocab.txt", "--max-size", "6")
    assert (result.exit_code, result.err) == (0, "")
    assert (text / "out/vocab.txt").read_text() == "<S>\n</S>\n<UNK>\n.\nthe\ndog\n"
    assert result.out.splitlines() == [
        "out/vocab.txt: 6 entries, <S>, </S> and <UNK> included",
        "counted 1,805 tokens in 602 sentences, skipped 1 blank line",
        "in the vocabulary: 99.83% of all tokens and 3 of 5 distinct words; "
        "0.17% of all tokens will be <UNK>",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--input", "a.txt", "b.txt", "--output", "v"],  # an unquoted glob
        ["--input", "a.txt", "--output", "v", "b.txt"],
        ["--input", "a.txt", "--input", "b.txt", "--output", "v"],
        ["--output", "v", "a.txt", "b.txt"],
    ],
)
def test_all_ways_to_give_several_texts(run_cli, text, arguments):
    assert run_cli("vocabulary", *arguments).exit_code == 0
    assert (text / "v").read_text().split() == ["<S>", "</S>", "<UNK>", ".", "the", "dog", "cat"]


@pytest.mark.parametrize("option", ["--min-count", "--min_count"])
def test_options_with_underscores(run_cli, text, option):
    assert run_cli("vocabulary", "--input", "*.txt", "--output", "v", option, "3").exit_code == 0
    assert (text / "v").read_text().split()[3:] == [".", "the", "dog"]


def test_many_unknown_tokens_are_reported(run_cli):
    result = run_cli("vocabulary", "--input", "a.txt", "--output", "v", "--max-size", "4")
    assert result.exit_code == 0
    assert "warning: 67% of the tokens will be <UNK>, which makes perplexity misleadingly low" in result.err


def test_no_word_left(run_cli, text):
    result = run_cli("vocabulary", "--input", "a.txt", "--output", "v", "--min-count", "700")
    assert result.exit_code == 2
    assert result.err == (
        "elmokit: no word occurs at least 700 times, the most frequent one occurs 601 times: "
        "lower the minimum count or add text\n"
    )
    assert not (text / "v").exists()


def test_no_input(run_cli):
    result = run_cli("vocabulary", "--output", "v")
    assert result.exit_code == 2
    assert "no text given: expected TEXT, --input TEXT, or - for" in result.err


def test_nothing_found(run_cli, text):
    result = run_cli("vocabulary", "--input", "*.csv", "--output", "v")
    assert result.exit_code == 2
    assert result.err.startswith(f"elmokit: *.csv (in {text}): no such file")


def test_empty_text(run_cli, text):
    (text / "e.txt").write_text("\n\n")
    result = run_cli("vocabulary", "--input", "e.txt", "--output", "v")
    assert result.exit_code == 2
    assert result.err.startswith("elmokit: the text contains no tokens (e.txt): expected one sentence")


def test_output_among_the_inputs(run_cli, text):
    for _ in range(2):
        result = run_cli("vocabulary", "--input", "*.txt", "--output", "./vocab.txt")
    assert result.exit_code == 2
    assert "vocab.txt: this is an input: choose another output" in result.err


def test_each_file_is_looked_up_once(run_cli, text, monkeypatch):
    asked: Counter[str] = Counter()
    stat = os.stat

    def counting(path: str | os.PathLike[str], **options: bool) -> os.stat_result:
        asked[str(path)] += 1
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", counting)
    assert run_cli("vocabulary", "--input", "*.txt", "--output", "v").exit_code == 0
    assert (asked["a.txt"], asked["b.txt"]) == (1, 1)


def test_each_remote_file_is_looked_up_once(run_cli, text, monkeypatch):
    files = MemoryFileSystem()
    files.pipe("/corpus/a.txt", b"the cat\n")
    asked: Counter[str] = Counter()
    info = MemoryFileSystem.info

    def counting(self: MemoryFileSystem, path: str, **options: bool) -> dict:
        asked[path] += 1
        return info(self, path, **options)

    monkeypatch.setattr(MemoryFileSystem, "info", counting)
    assert run_cli("vocabulary", "--input", "memory://corpus/*.txt", "--output", "v").exit_code == 0
    assert asked["/corpus/a.txt"] == 1
    files.rm("/corpus", recursive=True)


@pytest.mark.parametrize(("option", "value"), [("--min-count", "0"), ("--max-size", "3")])
def test_impossible_limits(run_cli, option, value):
    result = run_cli("vocabulary", "--input", "a.txt", "--output", "v", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.err


def test_help_has_an_example(run_cli):
    assert "elmokit vocabulary --input 'text/train-*.txt.gz' -o vocab.txt" in run_cli("vocabulary", "-h").out

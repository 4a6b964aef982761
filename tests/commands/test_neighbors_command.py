from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.neighbors import index as neighbors
from elmokit.neighbors.index import DEFAULT_LAYER, NeighborIndex

QUERY = "d0 a2 unseen a2"
ONE = ("--query", QUERY, "--word", "a2")


@pytest.fixture(autouse=True)
def columns(work, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def search(run_cli, *arguments: object) -> str:
    result = run_cli("neighbors", *arguments)
    assert (result.exit_code, result.err) == (0, "")
    return result.out


def refusal(run_cli, *arguments: object) -> str:
    result = run_cli("neighbors", *arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


def expected(layer=DEFAULT_LAYER, **options):
    lines = Path("train.txt").read_text(encoding="utf-8").splitlines()
    return NeighborIndex.build(ElmoEmbedder.load("model"), lines, layer=layer).nearest(QUERY, 1, **options)


def test_the_first_search_builds_the_index(run_cli, tmp_path):
    built, found = search(run_cli, "model", "train.txt", *ONE, "-k", "3").split("\n\n")
    built, lines = built.replace("\n  ", " "), found.splitlines()  # wrapped, where the path is long
    num_tokens = len(Path("train.txt").read_text(encoding="utf-8").split())
    assert built.startswith(f"{tmp_path / 'cache/neighbors'}/")
    assert built.endswith(f": {num_tokens} tokens indexed, 0.0 MB")
    nearest = expected(k=3)
    assert lines[0] == "d0 [a2] unseen a2"
    assert lines[1] == f"without context: {', '.join(word for word, _ in nearest.words)}"
    assert len(lines) == 5
    for line, (occurrence, similarity) in zip(lines[2:], nearest.occurrences, strict=True):
        assert line.startswith(f"{similarity:6.3f} ")
        assert f"[{occurrence.word}]" in line
        assert line[6:].strip(" …") in occurrence.bracketed()
    assert len({line.index("[") for line in lines[2:]}) == 1


def test_further_searches_do_not_embed_the_text(run_cli, monkeypatch):
    first = search(run_cli, "model", "train.txt", *ONE)
    monkeypatch.setattr(neighbors, "write_index", None)
    again = search(run_cli, "model", "train.txt", *ONE)
    assert first.endswith(f"indexed, 0.0 MB\n\n{again}")


@pytest.mark.parametrize("words", ["same", "other"])
@pytest.mark.parametrize("layer", ["top", "average", "1"])
def test_json(run_cli, layer, words):
    option = {"same": "--same-word", "other": "--other-words"}[words]
    out = search(run_cli, "model", "train.txt", *ONE, "--json", "--layer", layer, option)
    nearest = expected(int(layer) if layer.isdigit() else layer, words=words)
    (line,) = out.splitlines()
    values = json.loads(line)
    assert values["query"] == {"sentence": QUERY.split(), "position": 1, "word": "a2"}
    assert [
        (found["similarity"], found["sentence"], found["number"], found["position"], found["word"])
        for found in values["in_context"]
    ] == [
        (similarity, list(found.sentence), found.sentence_index, found.position, found.word)
        for found, similarity in nearest.occurrences
    ]
    assert {found["word"] == "a2" for found in values["in_context"]} == {words == "same"}
    assert [(found["word"], found["similarity"]) for found in values["without_context"]] == nearest.words


@pytest.mark.parametrize(
    ("word", "marked"),
    [
        ("b1", "a0 [b1] 1 -1 b1"),
        ("-1", "a0 b1 1 [-1] b1"),
        ("0", "[a0] b1 1 -1 b1"),
        ("-2", "a0 b1 1 [-1] b1"),
        ("1", "a0 b1 [1] -1 b1"),
        ("4", "a0 b1 1 -1 [b1]"),
    ],
)
def test_a_word_or_its_position(run_cli, word, marked):
    out = search(run_cli, "model", "train.txt", "--query", "a0 b1 1 -1 b1", "--word", word)
    assert out.split("\n\n")[1].splitlines()[0] == marked


def test_several_queries_and_texts(run_cli):
    out = search(
        run_cli, "model", "train.txt", "heldout.txt", *ONE, "--query", "c2 我", "--word", "我", "-k", "2"
    )
    _, first, second = out.split("\n\n")
    assert [block.splitlines()[0] for block in (first, second)] == ["d0 [a2] unseen a2", "c2 [我]"]
    assert [len(block.splitlines()) for block in (first, second)] == [4, 4]
    lines = search(run_cli, "model", "train.txt", *ONE, *ONE, "--json").splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]


def test_an_index_can_be_moved(run_cli, work):
    out = search(run_cli, "model", "train.txt", *ONE, "--index", "mine").split("\n\n", 1)
    assert out[0].startswith("mine: ")
    shutil.move("mine", "moved")
    Path("train.txt").unlink()
    assert search(run_cli, "model", "moved", *ONE) == out[1]
    assert refusal(run_cli, "model", "moved", *ONE, "--layer", "1").startswith(
        "neighbors: moved is an index: --layers and --index are only for texts"
    )
    assert "built with another model" in refusal(run_cli, "tiny-en", "moved", *ONE)
    assert "the index was built from another text" in refusal(
        run_cli, "model", "heldout.txt", *ONE, "--index", "moved"
    )


def test_a_text_that_changes(run_cli):
    search(run_cli, "model", "heldout.txt", *ONE)
    Path("heldout.txt").write_text("a0 b1 now\n", encoding="utf-8")
    out = search(run_cli, "model", "heldout.txt", *ONE, "-k", "100")
    assert "3 tokens indexed" in out
    assert len(out.split("\n\n")[1].splitlines()) == 2 + 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "neighbors: 3 errors: Missing argument 'CORPUS.txt...' of `elmokit neighbors "),
        (["train.txt"], "neighbors: 2 errors: Missing option '--query' (A tokenized sentence); Missing"),
        (["train.txt", "--query", "a"], "neighbors: Missing option '--word'"),
        (["train.txt", *ONE, "--query", "a"], "neighbors: expected one --word for each --query, got 2"),
        (["train.txt", "--query", "a b", "--word", "c"], "word c: not a token of the sentence: a b"),
        (["train.txt", "--query", "a b", "--word", "2"], "word: expected a position from 0 to 1, got 2"),
        (["train.txt", "--query", "a b", "--word", "-3"], "word: expected a position from 0 to 1, got -3"),
        (["train.txt", "--query", " ", "--word", "0"], "word: the sentence has no tokens"),
        (["nowhere.txt", *ONE], "nowhere.txt (in "),
        (["empty.txt", *ONE], "the text contains no tokens (empty.txt)"),
        (["train.txt", *ONE, "-k", "0"], "neighbors: Invalid value for '-k': 0 is not in the range x>=1"),
        (["train.txt", *ONE, "--layer", "all"], "neighbors: Invalid value for '--layer': 'all': expected"),
        (["train.txt", *ONE, "--layer", "3"], "layer: expected top, average or 0 to 2, got 3"),
        (["train.txt", *ONE, "--index", "model"], "model already exists and is not a neighbor index"),
        (["model", *ONE], "model/"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes(run_cli, tmp_path, arguments, message):
    Path("empty.txt").write_text("\n \n")
    assert refusal(run_cli, "model", *arguments).startswith(message)
    assert not (tmp_path / "cache/neighbors").exists()


def test_help(run_cli):
    result = run_cli("neighbors", "--help")
    assert result.exit_code == 0
    assert "elmokit neighbors tiny-en 'text/*.txt' --query" in result.out

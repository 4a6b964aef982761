"""elmokit plot and elmokit curves."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from elmokit.errors.installation import install_command

MODEL = str(Path(__file__).parents[1] / "golden" / "infer_models" / "no_clips")
TEXT = "the play was long\n\nchildren play the guitar\nBrazil is a strong team\n"


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    return "text.txt"


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli(*arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.png", b"\x89PNG"),
        ("a.svg", b"<?xml"),
        ("a.PDF", b"%PDF"),
        ("a.html", b"<!doctype html>"),
        ("a.gif", b"GIF89a"),
        ("a.webp", b"RIFF"),
        ("a.parquet", b"PAR1"),
    ],
)
def test_the_suffix_selects_the_format(name, start, text, run_cli):
    result = run_cli("plot", MODEL, text, "-o", f"pictures/{name}")
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == f"pictures/{name}: t-SNE, top layer\n"
    assert (Path("pictures") / name).read_bytes().startswith(start)


def test_further_texts_are_answered_with_the_option_for_them(text, run_cli):
    assert "(b.txt): plot takes one text; write --compare b.txt to draw the words of both" in refusal(
        run_cli, "plot", MODEL, text, "b.txt", "-o", "a.png"
    )
    assert "(b.txt c.txt): plot takes one text, and a second one by --compare OTHER.txt" in refusal(
        run_cli, "plot", MODEL, text, "b.txt", "c.txt", "-o", "a.png"
    )


def test_the_options_of_a_map(text, run_cli):
    arguments = ("plot", MODEL, text, "-o", "a.svg", "--word", "play", "--word", "the", "--layer", "0")
    result = run_cli(*arguments, "--method", "pca", "--color-by", "word", "--seed", "3", "--max-points", "3")
    assert result.out.startswith("a.svg: PCA, layer 0, 3 of 4 words")
    assert run_cli("plot", MODEL, text, "-o", "b.svg", "--perplexity", "2", "--seed", "3").exit_code == 0
    assert run_cli("plot", MODEL, text, "-o", "c.svg", "--width", "column").exit_code == 0
    found = re.search(r'<svg [^>]*?width="([\d.]+)pt"', Path("c.svg").read_text())
    assert found is not None
    assert float(found[1]) == pytest.approx(7.7 / 2.54 * 72, abs=0.1)
    assert ">children</text>" in Path("c.svg").read_text()


def test_too_few_words_for_the_method_are_drawn_by_pca(run_cli, text):
    Path("three.txt").write_text("the play was\n")
    result = run_cli("plot", MODEL, "three.txt", "-o", "a.png")
    assert result.out == "a.png: PCA (too few different words for t-SNE), top layer\n"


def test_lines_with_labels(run_cli, text):
    Path("labels.tsv").write_text("noun\tthe play was long\n\nverb\tchildren play the guitar\n")
    result = run_cli("plot", MODEL, "labels.tsv", "-o", "a.html", "--word", "play", "--color-by", "label")
    assert (result.exit_code, result.err) == (0, "")
    page = Path("a.html").read_text()
    assert '"name":"noun"' in page
    assert '"name":"verb"' in page
    assert "<title>“play” in labels.tsv · no_clips</title>" in page
    message = refusal(run_cli, "plot", MODEL, text, "-o", "b.html", "--color-by", "label")
    assert message == "text.txt:1: no tab, expected a label, a tab and a sentence"


def test_two_texts(run_cli, text):
    Path("other.txt").write_text("the play begins\nthe players play\nthe end\n")
    arguments = ("plot", MODEL, text, "--compare", "other.txt", "--method", "pca")
    result = run_cli(*arguments, "-o", "a.html", "--word", "play", "--json")
    (change,) = json.loads(result.out)["comparison"]["words"]
    assert (change["word"], change["counts"]) == ("play", [2, 2])
    assert 0 < change["change"] < 2
    page = Path("a.html").read_text()
    assert "<title>“play” in text.txt and other.txt · no_clips</title>" in page
    assert '"name":"other.txt"' in page
    assert run_cli(*arguments, "-o", "a.png").exit_code == 0
    Path("more").mkdir()
    Path("more/text.txt").write_text("play\n")  # of the same name
    assert run_cli("plot", MODEL, text, "--compare", "more/text.txt", "-o", "b.html").exit_code == 0
    assert '"names":["text.txt","more/text.txt"]' in Path("b.html").read_text()
    message = refusal(run_cli, "plot", MODEL, text, "--compare", text, "-o", "a.png")
    assert "--compare: expected another text, got text.txt twice" in message
    message = refusal(run_cli, *arguments, "-o", "a.png", "--color-by", "word")
    assert "--compare colors by text: leave --color-by out" in message
    message = refusal(run_cli, *arguments[:4], "more/text.txt", "-o", "more/text.txt")
    assert "more/text.txt" in message


def test_characters_that_no_font_has_are_reported(run_cli, text):
    Path("odd.txt").write_text("a \U0010fffd b\n")
    result = run_cli("plot", MODEL, "odd.txt", "-o", "a.png", "--method", "pca")
    assert result.exit_code == 0
    assert result.err == (
        "warning: no installed font has 1 character of the text (U+10FFFD), drawn as boxes: "
        "install the Noto fonts, which cover all scripts\n"
    )


def test_mistakes(run_cli, text):
    for arguments, message in (
        (
            ("-o", "a.bmp"),
            "a.bmp: unknown image format '.bmp': expected a name that ends in .png, .svg, .pdf, .html, .gif",
        ),
        (
            ("-o", "a.png", "--layer", "all"),
            "plot: Invalid value for '--layer': 'all': expected top, average",
        ),
        (("-o", "a.png", "--layer", "7"), "layers: expected all, top, average or 0 to 2, got 7"),
        (("-o", "a.png", "--perplexity", "40"), "perplexity: expected 1 to 4 for 13 points, got 40"),
        (("-o", "a.png", "--word", "cello"), "none of the words occurs in the text: cello"),
        (("-o", "a.html", "--width", "page"), "--width: only for .png, .svg, .pdf, got a.html"),
        (("-o", "a.png", "--width", "1"), "width: expected 5 to 100 centimeters, got 1"),
        (("-o", "a.png", "--width", "wide"), "'wide': expected column, page or a number of centimeters"),
        (("-o", "text.txt/a.png"), "text.txt/a.png: cannot write"),
    ):
        assert message in refusal(run_cli, "plot", MODEL, text, *arguments)
    Path("empty.txt").write_text("\n \n")
    assert refusal(run_cli, "plot", MODEL, "empty.txt", "-o", "a.png") == "the text has no words"
    assert not list(Path().glob("*.png"))


def test_curves(run_cli, text):
    for name in ("one", "two"):
        Path(name).mkdir()
        record = {"event": "train", "step": 1, "predictions": 64, "seconds": 1.0, "perplexity": 9.0}
        Path(name, "metrics.jsonl").write_text(json.dumps(record) + "\n")
    result = run_cli("curves", "one", "two", "-o", "curves.pdf")
    assert (result.exit_code, result.out, result.err) == (0, "curves.pdf: 2 runs\n", "")
    assert Path("curves.pdf").read_bytes().startswith(b"%PDF")
    result = run_cli("curves", "one", "two", "-o", "curves.csv", "--json")
    assert json.loads(result.out)["runs"][1] == {
        "name": "two",
        "tokens": 64,
        "seconds": 1.0,
        "best_heldout_perplexity": None,
    }
    assert Path("curves.csv").read_text().splitlines()[1] == "one,train,64,1.0,9.0,9.0"
    assert "only for .png, .svg, .pdf" in refusal(
        run_cli, "curves", "one", "-o", "curves.csv", "--width", "page"
    )
    assert "expected .png, .svg, .pdf or .csv, or use TensorBoard to see them in a browser" in refusal(
        run_cli, "curves", "one", "-o", "curves.html"
    )
    assert "expected the save directory" in refusal(run_cli, "curves", "one", ".", "-o", "curves.png")
    assert not Path("curves.png").exists()


@pytest.mark.parametrize(
    ("module", "arguments", "feature"),
    [
        ("matplotlib", ("-o", "a.png", "--method", "pca"), "plotting"),
        ("openTSNE", ("-o", "a.png"), "t-SNE"),
        ("openTSNE", ("-o", "a.html"), "t-SNE"),
        ("pyarrow", ("-o", "a.parquet"), "writing Parquet files"),
    ],
)
def test_a_missing_package_is_named_by_its_extra(module, arguments, feature, text, run_cli, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    message = refusal(run_cli, "plot", MODEL, text, *arguments)
    extra = "parquet" if module == "pyarrow" else "plot"
    assert message == f"{feature} needs an optional package: {install_command(extra)}"
    assert not list(Path().glob("a.*"))

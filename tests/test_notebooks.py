"""The tutorials run from start to end, and their stored output is up to date."""

from __future__ import annotations

import copy
import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
LARGEST_PICTURE = 150_000  # bytes
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@pytest.fixture(scope="module")
def run_notebooks() -> ModuleType:
    """The script that runs the notebooks and stores their output."""
    spec = importlib.util.spec_from_file_location("run_notebooks", EXAMPLES / "run_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def output_types(cell: Any) -> list[list[str]]:
    return [
        [output.name] if output.output_type == "stream" else sorted(output.data) for output in cell.outputs
    ]


def is_stale(stored: Any, executed: Any) -> bool:
    """Return whether the output of a cell differs from the stored one.

    For pictures, and for cells with the tag ``volatile``, which train or measure time, only the types of the
    outputs are compared. A number may differ by two in its last digit, because processors round differently.
    """
    if output_types(stored) != output_types(executed):
        return True
    if "volatile" in stored.metadata.get("tags", ()):
        return False
    pairs = zip(stored.outputs, executed.outputs, strict=True)
    return any(not is_same_text(one.text, other.text) for one, other in pairs if one.output_type == "stream")


def is_same_text(one: str, other: str) -> bool:
    # The length of a bar follows from its number.
    one, other = (re.sub("█+", "█", text) for text in (one, other))
    if _NUMBER.sub("0", one) != _NUMBER.sub("0", other):
        return False
    return all(map(is_near, _NUMBER.findall(one), _NUMBER.findall(other)))


def is_near(one: str, other: str) -> bool:
    places = len(one.partition(".")[2])
    if places == 0 and "," not in one and len(one) < 2:
        return one == other
    return abs(float(one.replace(",", "")) - float(other.replace(",", ""))) <= 2.001 * 10.0**-places


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_output_is_the_stored_one(path, run_notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    stored = read(path)
    executed = run_notebooks.tidied(run_notebooks.execute(copy.deepcopy(stored)))
    for one, other in zip(code_cells(stored), code_cells(executed), strict=True):
        assert not is_stale(one, other), (
            f"{path.name}: the stored output is out of date: run `make notebooks`\n{one.source}\n"
            f"stored: {one.outputs}\nnow: {other.outputs}"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_starts_at_the_root_of_the_repository_too(path, tmp_path, monkeypatch):
    (tmp_path / "examples" / "data").mkdir(parents=True)
    setup = next(cell.source for cell in read(path).cells if cell.cell_type == "code")
    (moving,) = re.findall(r"^if .*\n    os\.chdir.*\n", setup, flags=re.MULTILINE)
    for start in (tmp_path, tmp_path / "examples"):
        monkeypatch.chdir(start)
        exec(moving, {"os": os, "Path": Path})
        assert Path.cwd() == tmp_path / "examples"


def test_there_are_five_tutorials():
    assert [path.name for path in NOTEBOOKS] == [
        "1-pretrained.ipynb",
        "2-from-scratch.ipynb",
        "3-incremental.ipynb",
        "4-elmo-in-your-model.ipynb",
        "5-keras.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_notebook_is_tidy(path, run_notebooks):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook == run_notebooks.tidied(copy.deepcopy(notebook))
    assert notebook.cells[0].source.startswith(f"# {path.name[0]}. ")
    assert "## Where to go from here" in notebook.cells[-1].source
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        assert cell.cell_type == "markdown" or after.cell_type == "markdown" or len(after.source) < 400
    shown = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown), "a tutorial shows a picture"
    assert all(cell.execution_count == k for k, cell in enumerate(code_cells(notebook), start=1))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.get("name") != "stderr", output.text
            shown = output.text if output.output_type == "stream" else output.data["text/plain"]
            for unwanted in ("Warning", "warning:", "Traceback", "/tmp/", str(Path.home()), "it/s]", "\r"):
                assert unwanted not in shown
            if output.output_type != "stream":
                assert len(output.data.get("image/png", "")) * 3 / 4 < LARGEST_PICTURE


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_resolve(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve()
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings]


def test_a_stale_cell_is_noticed():
    stored = nbformat.v4.new_code_cell("print(1)")
    stored.outputs = [nbformat.v4.new_output("stream", name="stdout", text="3 layers, 12.34 and peace 45%\n")]

    def executed(text: str, **metadata: Any) -> Any:
        cell = copy.deepcopy(stored)
        cell.outputs[0].text = text
        return cell

    assert not is_stale(stored, executed("3 layers, 12.34 and peace 45%\n"))
    assert not is_stale(stored, executed("3 layers, 12.36 and peace 44%\n"))
    assert is_stale(stored, executed("3 layers, 12.37 and peace 45%\n"))
    assert is_stale(stored, executed("4 layers, 12.34 and peace 45%\n"))
    assert is_stale(stored, executed("3 layers, 12.34 and peach 45%\n"))
    silent = executed("")
    silent.outputs = []
    assert is_stale(stored, silent)
    stored.metadata["tags"] = ["volatile"]
    assert not is_stale(stored, executed("something else"))
    assert is_stale(stored, silent)


def test_progress_bars_are_not_stored(run_notebooks):
    written = (
        "one\r\n\rtraining:  10%|# | 1.0k\x1b[A\rtraining:  20%|## | 2.0k\r                         \rtwo\n"
    )
    assert run_notebooks.as_shown(written) == "one\ntwo\n"
    assert run_notebooks.as_shown("a\n\nb\n") == "a\n\nb\n"
    assert run_notebooks.as_shown("\r        \r") == ""


def test_an_error_in_a_cell_is_raised(run_notebooks):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(Exception, match="ZeroDivisionError"):
        run_notebooks.execute(notebook)

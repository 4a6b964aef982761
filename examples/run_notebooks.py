"""Run the tutorials from start to end and store what they show.

    python examples/run_notebooks.py [NAME.ipynb ...]

Each runs in a directory of its own, with the texts of ``examples/data`` beside it, as in ``examples``. What
changes from run to run is left out of what is stored: times, progress bars, identifiers. The test suite runs
them in the same way and compares with what is stored: of a cell with the tag ``volatile``, which trains or
takes the time, only the kinds of its outputs; of any other all that it says.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent
TIMEOUT_SECONDS = 600  # of a cell

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="all by default")
    for path in parser.parse_args().notebooks or notebooks():
        notebook = execute(nbformat.read(path, as_version=4))
        path.write_text(nbformat.writes(tidied(notebook)) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:,.0f} KB")


def notebooks() -> list[Path]:
    """The tutorials, in the order of their numbers."""
    return sorted(EXAMPLES.glob("*.ipynb"))


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in a fresh directory; an error in a cell ends it."""
    environment = {
        # The kernel and the shell lines are those of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "data").symlink_to(EXAMPLES.resolve() / "data", target_is_directory=True)
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": directory}},
            record_timing=False,
        )
        client.execute(env={**os.environ, **environment})
    return notebook


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What is worth storing of a notebook that has run."""
    notebook.metadata = nbformat.from_dict({"kernelspec": _KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = list(_tidied_outputs(cell.outputs))
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return notebook


def _tidied_outputs(outputs: Sequence[Any]) -> Iterator[Any]:
    """Outputs without progress bars; the pieces of a stream are put together."""
    for name, group in itertools.groupby(outputs, key=lambda output: output.get("name")):
        if name is None:
            for output in group:
                output.pop("transient", None)
                output.metadata = nbformat.from_dict({})
                yield output
        elif shown := as_shown("".join(output.text for output in group)):
            yield nbformat.v4.new_output("stream", name=name, text=shown)


def as_shown(text: str) -> str:
    """What remains on a terminal, on which a carriage return lets a line be written over."""
    lines = []
    for line in _CONTROL.sub("", text).replace("\r\n", "\n").split("\n"):
        shown = ""
        for written in line.split("\r"):
            shown = written + shown[len(written) :]
        if shown.strip() or not line.strip("\r"):
            lines.append(shown.rstrip())
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


if __name__ == "__main__":
    main()

"""Run the tutorials from start to end and store their output.

    python examples/run_notebooks.py [NAME.ipynb ...]

Each notebook runs where it is, as in ``jupyter lab examples``, and writes to ``examples/output``. Details
that change between runs (times, progress bars, identifiers) are not stored. The test suite runs the notebooks
in the same way and compares their text output with the stored one; for a cell with the tag ``volatile``,
which trains or measures time, it compares only the types of the outputs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent
TIMEOUT_SECONDS = 600  # per cell

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks to run; all by default")
    for path in parser.parse_args().notebooks or notebooks():
        notebook = execute(nbformat.read(path, as_version=4))
        path.write_text(nbformat.writes(tidied(notebook)) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:,.0f} KB")


def notebooks() -> list[Path]:
    """Return the paths of the tutorials, in order."""
    return sorted(EXAMPLES.glob("*.ipynb"))


def execute(notebook: nbformat.NotebookNode, directory: Path = EXAMPLES) -> nbformat.NotebookNode:
    """Run a notebook in a directory; an error in a cell is raised."""
    environment = {
        # The kernel and the shell commands run in the environment of this program.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "160",  # no line of a command is wrapped
    }
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory.resolve())}},
        record_timing=False,
    )
    client.execute(env={**os.environ, **environment})
    return notebook


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return an executed notebook without the details that change from run to run."""
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
    """Yield the outputs without progress bars, with the pieces of a stream joined."""
    for name, group in itertools.groupby(outputs, key=lambda output: output.get("name")):
        if name is None:
            for output in group:
                output.pop("transient", None)
                output.metadata = nbformat.from_dict({})
                yield output
        elif shown := as_shown("".join(output.text for output in group)):
            yield nbformat.v4.new_output("stream", name=name, text=shown)


def as_shown(text: str) -> str:
    """Return the text that stays visible on a terminal, where a carriage return overwrites the line."""
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

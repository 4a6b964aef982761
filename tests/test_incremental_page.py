"""The commands and the Python of docs/incremental.md run as they are written."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "incremental.md").read_text(encoding="utf-8")
SETTINGS = "max_steps=3 batch_size=4 cell_dim=16 projection_dim=8 filters=[[1,8]] embedding_dim=4"


def code_blocks(language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [block for own_language, block in blocks if own_language == language]


def write_text(source: Path, target: Path) -> None:
    """The first sentences of a text."""
    target.parent.mkdir(exist_ok=True)
    with gzip.open(source, "rt", encoding="utf-8") as lines, gzip.open(target, "wt", encoding="utf-8") as cut:
        cut.write("".join(line for line, _ in zip(lines, range(60), strict=False)))


@pytest.mark.slow
def test_the_page_runs_as_it_is_written(tmp_path: Path) -> None:
    data = ROOT / "examples" / "data"
    for name, text in (("old", "sotu"), ("new", "austen")):
        write_text(data / text / "train-00000.txt.gz", tmp_path / name / "train-0.txt.gz")
        write_text(data / text / "heldout-00000.txt.gz", tmp_path / name / "heldout.txt.gz")
    base = (
        "elmokit vocabulary --input old/train-0.txt.gz --output vocab.txt --min-count 2\n"
        "elmokit train --train-prefix old/train-0.txt.gz --heldout-prefix old/heldout.txt.gz --config tiny "
        f"--vocab-file vocab.txt --save-dir model {SETTINGS}\n"
    )
    commands, programs = code_blocks(""), code_blocks("python")
    assert (len(commands), len(programs)) == (2, 1)
    # The second trains where the first has trained.
    program = programs[0].replace('Path("new-model")', 'Path("another")')
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ELMOKIT_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",  # as in the other tests
    }
    script = base + "".join(commands)
    for command in (["bash", "-euo", "pipefail", "-c", script], [sys.executable, "-c", program]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "transplanted" in done.stdout

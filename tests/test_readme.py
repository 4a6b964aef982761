"""The commands and the Python of README.md run as they are written."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = ("examples/data/sotu", "examples/data/austen")
NUM_SENTENCES = 150  # of each text file, so that it takes seconds


def code_blocks(language: str) -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    return [block for own_language, block in blocks if own_language == language]


@pytest.mark.slow
def test_readme_commands_and_python_run(tmp_path: Path) -> None:
    for texts in TEXTS:
        (tmp_path / texts).mkdir(parents=True)
        for source in (ROOT / texts).glob("*.gz"):
            with gzip.open(source, "rt", encoding="utf-8") as lines:
                text = "".join(line for line, _ in zip(lines, range(NUM_SENTENCES), strict=False))
            with gzip.open(tmp_path / texts / source.name, "wt", encoding="utf-8") as cut:
                cut.write(text)
    commands = [block for block in code_blocks("") if "elmokit " in block and "pip install" not in block]
    programs = code_blocks("python")
    assert len(commands) == 8
    assert len(programs) == 4
    # Fewer updates; the rest is as it stands.
    script = re.sub(r"max_steps=(\d+)", lambda match: f"max_steps={int(match[1]) // 100}", "".join(commands))
    program = "\n".join(programs).replace("max_steps=20", "max_steps=2")

    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ELMOKIT_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",  # as in the other tests
    }
    for command in (["bash", "-euo", "pipefail", "-c", script], [sys.executable, "-c", program]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "elmo" / "weights.hdf5").is_file()
    assert (tmp_path / "vectors.hdf5").is_file()
    assert (tmp_path / "austen-model" / "restart.json").is_file()
    assert (tmp_path / "run" / "checkpoints" / "step-00000002").is_dir()


def test_two_commands_come_first() -> None:
    first = code_blocks("")[0].split("\n")
    assert [line.split("#")[0].strip() for line in first[:2]] == ["make demo", "make test"]

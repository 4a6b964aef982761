"""Running a script with the interpreter of another package's environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def run_peer() -> Callable[..., None]:
    """Run ``tests/peer/run_NAME.py ARGUMENTS...`` in the environment of NAME; skip where there is none."""

    def run(name: str, *arguments: object) -> None:
        environment = ROOT / f".venv-{name}"
        if not (environment / ".ready").is_file():
            pytest.skip(f"{environment.name} is missing: `make peers` makes it")
        script = HERE / f"run_{name.replace('-', '_')}.py"
        result = subprocess.run(
            # Isolated: nothing of elmokit's own environment reaches the other package.
            [environment / "bin" / "python", "-I", script, *map(str, arguments)],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stderr

    return run

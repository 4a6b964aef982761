"""The script whose types mypy checks does what it says."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_script_runs():
    runpy.run_path(str(Path(__file__).with_name("typed_script.py")), run_name="__main__")

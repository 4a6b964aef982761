"""The shared fixtures keep collection light, and keep PyTorch to one thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

_COLLECT = """
import sys
import pytest

class HeavyModules:
    def pytest_collection_finish(self, session):
        print("collected:", len(session.items))
        print("heavy:", sorted({"torch", "playwright", "matplotlib"} & set(sys.modules)))

arguments = ["--collect-only", "-q", "-p", "no:cacheprovider", sys.argv[1]]
sys.exit(pytest.main(arguments, plugins=[HeavyModules()]))
"""


def test_tests_of_data_import_neither_torch_nor_playwright():
    done = subprocess.run(
        [sys.executable, "-c", _COLLECT, TESTS / "data" / "test_shuffle.py"],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "heavy: []\n" in done.stdout, done.stdout
    assert "collected: 0\n" not in done.stdout


def test_torch_runs_on_one_thread():
    import torch

    assert torch.get_num_threads() == 1

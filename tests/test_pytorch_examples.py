"""The examples for plain PyTorch and Lightning run, and say what they reach."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples/pytorch"


@pytest.mark.slow
# Lightning advises more workers for the data, and notes which features of PyTorch will go.
@pytest.mark.filterwarnings(
    "ignore::UserWarning:lightning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)
@pytest.mark.parametrize("name", ["plain_loop", "with_lightning"])
def test_an_example_runs(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--epochs", "1", "--limit", "64"])
    monkeypatch.syspath_prepend(EXAMPLES)
    for module in ("classifier", "reviews"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    (accuracy,) = re.findall(r"([\d.]+)% of the test sentences are right", printed)
    assert 30 < float(accuracy) < 90

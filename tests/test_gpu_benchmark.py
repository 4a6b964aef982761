"""The benchmark for GPUs runs with tiny sizes on the CPU, so that its first run on a GPU is not its first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_it_runs_on_the_cpu(tmp_path):
    script, figures = Path(__file__).parent.parent / "benchmarks" / "gpu.py", tmp_path / "figures.json"
    command = [sys.executable, str(script), "--device", "cpu", "--small", "--json", str(figures)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(figures.read_text())
    for name in (
        "vectors float32: largest difference",
        "resume: largest error of the perplexity",
        "softmax full float32: ms",
        "training 8 rows: times plain",
        "embedding float32 batch 64: tokens/s",
        "one rank: share of the speed without",
    ):
        assert float(found[name]) >= 0


def test_a_part_that_fails_does_not_hide_the_others(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    import gpu

    def fails(_: object) -> None:
        raise RuntimeError("no such thing")

    figures = tmp_path / "figures.json"
    monkeypatch.setattr(gpu, "PARTS", {"fails": fails, "works": lambda bench: bench.note("found", 1)})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--small", "--json", str(figures)])
    with pytest.raises(SystemExit, match="failed: fails"):
        gpu.main()
    assert json.loads(figures.read_text())["found"] == 1
    assert "RuntimeError: no such thing" in capsys.readouterr().out

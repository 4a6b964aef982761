"""Stored results of benchmarks: one file of figures per commit and processor, and what got slower since."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from elmokit import __version__

RESULTS = Path(__file__).parent / "results"
REGRESSION = 0.9  # of the earlier ratio


@dataclass(frozen=True)
class Result:
    """The figures of one run of the benchmarks: ratios, whose names end in x, and speeds of this machine."""

    commit: str
    date: str
    processor: str
    num_threads: int
    versions: Mapping[str, str]
    figures: Mapping[str, float]

    @property
    def place(self) -> tuple[str, int]:
        """What results must have in common to be compared."""
        return self.processor, self.num_threads


def new_result(figures: Mapping[str, float]) -> Result:
    return Result(
        _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "src") else ""),
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        _processor(),
        torch.get_num_threads(),
        {"elmokit": __version__, "torch": torch.__version__, "python": platform.python_version()},
        {name: round(value, 4) for name, value in figures.items()},
    )


def stored_results(directory: Path = RESULTS) -> list[Result]:
    """Return the stored results, oldest first."""
    found = [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in directory.glob("*.json")]
    return sorted(found, key=lambda result: result.date)


def store(result: Result, directory: Path = RESULTS) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / f"{result.date[:10]}-{result.commit.rstrip('+')}.json"
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    return path


def regressions(result: Result, earlier: list[Result]) -> list[str]:
    """Return a line for each ratio that is more than a tenth below the last one stored on such a machine."""
    comparable = [other for other in earlier if other.place == result.place]
    lines = []
    for name, value in result.figures.items():
        before = [(other.figures[name], other.commit) for other in comparable if name in other.figures]
        if name.endswith("x") and before and value < REGRESSION * before[-1][0]:
            lines.append(f"{name}: {value:.2f}, was {before[-1][0]:.2f} at {before[-1][1]}")
    return lines


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"

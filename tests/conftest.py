"""Fixtures that tests of several packages share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from elmokit import cli


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The models are tiny: on a busy machine several threads would only wait for each other."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class CliResult:
    exit_code: int
    out: str
    err: str


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., CliResult]:
    """Run `elmokit ARGUMENTS...` in this process."""

    def run(*arguments: object) -> CliResult:
        monkeypatch.setattr(sys, "argv", ["elmokit", *map(str, arguments)])
        capsys.readouterr()
        exit_code = 0
        try:
            cli.main()
        except SystemExit as stop:
            exit_code = int(stop.code or 0)
        captured = capsys.readouterr()
        return CliResult(exit_code, captured.out, captured.err)

    return run

"""One process at a time trains in a directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from elmokit.errors import OutputError
from elmokit.training.run_lock import locked


def test_a_lock_may_be_taken_again_by_its_process(tmp_path):
    with locked(tmp_path / "run"):
        with locked(tmp_path / "run"):
            pass
        assert json.loads((tmp_path / "run/.holder.json").read_text())["pid"] == os.getpid()
        program = (
            "import sys, pathlib\n"
            "from elmokit.training.run_lock import locked\n"
            "with locked(pathlib.Path(sys.argv[1])): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "run")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"(process {os.getpid()} on " in done.stderr
    assert not (tmp_path / "run/.holder.json").exists()


def test_a_holder_that_has_not_said_its_name(tmp_path, monkeypatch):
    from filelock import FileLock, Timeout

    def acquire(*_, **__):
        raise Timeout("x")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    for content in (None, "{", "[]"):
        if content is not None:
            (tmp_path / ".holder.json").write_text(content)
        with pytest.raises(OutputError, match="an unknown process"), locked(tmp_path):
            pass

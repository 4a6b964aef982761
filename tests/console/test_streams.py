"""Output that fails, and output that cannot be encoded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elmokit.console.streams import prepare_streams, unstoppable_output


class Gone(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_output_that_fails_is_not_noticed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", Gone())
    with unstoppable_output():
        sys.stdout.write("lost")
        sys.stderr.write("lost")
        sys.stderr.flush()
    with pytest.raises(OSError, match="Input/output"):
        sys.stdout.write("no longer")


def test_output_that_works_is_unchanged(capsys):
    with unstoppable_output():
        sys.stdout.write("said")
        assert not sys.stdout.isatty()
    assert capsys.readouterr().out == "said"


def test_closed_streams_go_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.write("lost")
        stream.close()


def test_what_cannot_be_encoded_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    prepare_streams()
    sys.stdout.write("é слово")
    sys.stdout.flush()
    assert raw.getvalue() == b"\xe9 " + b"".join(b"\\u%04x" % ord(c) for c in "слово")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
@pytest.mark.parametrize("redirection", ["> /dev/full 2> /dev/full", "2>&-", "| true"])
def test_training_goes_on(redirection, tmp_path):
    (tmp_path / "text.txt").write_text("a b c d\nb c d a\n" * 50)
    (tmp_path / "vocab.txt").write_text("<S>\n</S>\n<UNK>\na\nb\nc\n")
    geometry = "cell_dim=4 projection_dim=2 embedding_dim=2 filters=[[1,2]] batch_size=2 unroll_steps=5"
    command = (
        f"set -o pipefail; {sys.executable} -m elmokit train --train-prefix text.txt --vocab-file vocab.txt "
        f"--heldout-prefix heldout.txt --save-dir run --config tiny {geometry} max_steps=40 "
        f"evaluations_per_epoch=4 {redirection}"
    )
    (tmp_path / "heldout.txt").write_text("a b c\n" * 30)
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "ELMOKIT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=False, timeout=120)
    assert done.returncode == 0
    assert (tmp_path / "run/checkpoints/step-00000040").is_dir()

"""What a killed run has left half-written is cleared by the next one, and nothing else is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from elmokit.data.prepare import prepare_corpus
from elmokit.errors import OutputError
from elmokit.formats.checkpoint import checkpoint_directory, list_checkpoints, read_checkpoint
from elmokit.training.run_directory import start_run
from elmokit.training.run_lock import locked


def leave_directory(path: Path, age: float) -> None:
    path.mkdir()
    (path / "tokens.u32").write_bytes(b"half")
    for one in (path / "tokens.u32", path):
        os.utime(one, (time.time() - age,) * 2)


def test_the_next_run_clears_its_directory(tmp_path):
    save_dir = tmp_path / "run"
    (save_dir / "checkpoints/step-00000003").mkdir(parents=True)
    leave_directory(save_dir / "checkpoints/.step-00000006.ab_12cd3.partial", age=-(10**8))
    for name in ("metrics.jsonl", "config.json", "texts.json", "vocab.txt", ".holder.json"):
        (save_dir / name).write_text("")
        (save_dir / f".{name}.ab_12cd3.partial").write_text("")
    # Another command may be writing weights beside the run.
    (save_dir / ".weights.hdf5.ab_12cd3.partial").write_text("")
    with locked(save_dir):
        leave_directory(save_dir / "checkpoints/.step-00000009.ab_12cd3.partial", age=10**8)
        with locked(save_dir):  # within a run nothing is left
            assert (save_dir / "checkpoints/.step-00000009.ab_12cd3.partial").exists()
    assert sorted(path.name for path in save_dir.iterdir() if path.suffix == ".partial") == [
        ".weights.hdf5.ab_12cd3.partial"
    ]
    assert sorted(path.name for path in (save_dir / "checkpoints").iterdir()) == [
        ".step-00000009.ab_12cd3.partial",
        "step-00000003",
    ]


def test_killed_while_its_only_checkpoint_was_replaced(texts, make_trainer, run_cli):
    trainer = make_trainer(max_steps=2)
    run = start_run(trainer.save_dir, trainer.config, texts.vocabulary, ["train-*.txt"], ["heldout.txt"])
    run.write()
    list(trainer.run())
    (checkpoint,) = list_checkpoints(trainer.save_dir)
    checkpoint.rename(checkpoint.with_name(f".{checkpoint.name}.ab_12cd3.replaced"))
    leave_directory(checkpoint.with_name(f".{checkpoint.name}.ab_12cd3.partial"), age=0)
    result = run_cli("train", "--save-dir", trainer.save_dir, "--resume", "max_steps=3")
    assert (result.exit_code, result.err) == (0, "")
    assert "resuming after step 2 of 3" in result.out
    assert read_checkpoint(checkpoint).trainer["step"] == 2
    assert not [path for path in checkpoint.parent.iterdir() if path.name.startswith(".")]


def test_preparing_a_text_clears_only_what_is_old(texts):
    root = texts.directory / "cache/corpora"
    ages = {".old.ab_12cd3.partial": 2 * 86400, ".new.ab_12cd3.partial": 60, ".future.x.partial": -(10**8)}
    for name, age in ages.items():
        leave_directory(root / name, age)
    prepare_corpus(["train-0.txt"])
    assert {path.name for path in root.iterdir() if path.suffix == ".partial"} == {
        ".new.ab_12cd3.partial",
        ".future.x.partial",
    }


def test_a_new_run_does_not_start_over_one_that_was_quicker(texts, make_trainer):
    trainer = make_trainer(max_steps=2)
    slow = start_run(trainer.save_dir, trainer.config, texts.vocabulary, ["train-0.txt"], [])
    list(trainer.run())  # while the other one was still reading its text
    with pytest.raises(OutputError, match="already holds a training run: continue it with --resume"):
        slow.write()
    assert read_checkpoint(checkpoint_directory(trainer.save_dir, 2)).trainer["step"] == 2

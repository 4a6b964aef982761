"""What a killed run has left half-written is cleared by the next one, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmokit.data.prepare import prepare_corpus
from elmokit.errors import OutputError
from elmokit.files.atomic import new_directory, new_file
from elmokit.formats.checkpoint import checkpoint_directory, list_checkpoints, read_checkpoint
from elmokit.training.run_directory import start_run
from elmokit.training.run_lock import locked

TOKEN = "0123456789abcdef"


def leave_directory(path: Path) -> None:
    """What a killed process leaves: its lock is not held any more."""
    path.mkdir()
    (path / "tokens.u32").write_bytes(b"half")
    path.with_suffix(".lock").write_text("")


def test_the_next_run_clears_its_directory(tmp_path):
    save_dir = tmp_path / "run"
    (save_dir / "checkpoints/step-00000003").mkdir(parents=True)
    leave_directory(save_dir / f"checkpoints/.step-00000006.{TOKEN}.partial")
    for name in ("metrics.jsonl", "config.json", "texts.json", "vocab.txt", ".holder.json"):
        (save_dir / name).write_text("")
        (save_dir / f".{name}.{TOKEN}.partial").write_text("")
        (save_dir / f".{name}.{TOKEN}.lock").write_text("")
    # Another command is writing weights beside the run, and others have files with similar names.
    others = [f".mine.{TOKEN}.part", ".mine.partial", "weights.hdf5.partial"]
    for name in others:
        (save_dir / name).write_text("")
    with new_file(save_dir / "weights.hdf5") as weights, locked(save_dir):
        assert weights.exists()
    assert sorted(path.name for path in save_dir.iterdir() if ".part" in path.name) == others
    assert [path.name for path in (save_dir / "checkpoints").iterdir()] == ["step-00000003"]


def test_killed_while_its_only_checkpoint_was_replaced(texts, make_trainer, run_cli):
    trainer = make_trainer(max_steps=2)
    run = start_run(trainer.save_dir, trainer.config, texts.vocabulary, ["train-*.txt"], ["heldout.txt"])
    run.write()
    list(trainer.run())
    (checkpoint,) = list_checkpoints(trainer.save_dir)
    checkpoint.rename(checkpoint.with_name(f".{checkpoint.name}.{TOKEN}.replaced"))
    leave_directory(checkpoint.with_name(f".{checkpoint.name}.{TOKEN}.partial"))
    result = run_cli("train", "--save-dir", trainer.save_dir, "--resume", "max_steps=3")
    assert (result.exit_code, result.err) == (0, "")
    assert "resuming after step 2 of 3" in result.out
    assert read_checkpoint(checkpoint).trainer["step"] == 2
    assert not [path for path in checkpoint.parent.iterdir() if path.name.startswith(".")]


def test_preparing_a_text_clears_what_other_preparations_have_left(texts):
    root = texts.directory / "cache/corpora"
    root.mkdir(parents=True, exist_ok=True)
    leave_directory(root / f".killed.{TOKEN}.partial")
    with new_directory(root / "another") as living:
        prepare_corpus(["train-0.txt"])
        assert [path for path in root.iterdir() if path.suffix == ".partial"] == [living]


def test_a_new_run_does_not_start_over_one_that_was_quicker(texts, make_trainer):
    trainer = make_trainer(max_steps=2)
    slow = start_run(trainer.save_dir, trainer.config, texts.vocabulary, ["train-0.txt"], [])
    list(trainer.run())  # while the other one was still reading its text
    with pytest.raises(OutputError, match="already holds a training run: continue it with --resume"):
        slow.write()
    assert read_checkpoint(checkpoint_directory(trainer.save_dir, 2)).trainer["step"] == 2

"""Signals, kills, second runs, batches that cannot be learned from: nothing good is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from elmokit.errors import ElmokitError
from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint, read_last_checkpoint
from elmokit.training.recovery import NonFiniteError
from elmokit.training.trainer import Trainer

SETTINGS = """
[model.char_cnn]
embedding_dim = 4
filters = [[1, 4], [2, 4]]
num_highway = 1
max_characters = 10
[model.lstm]
cell_dim = 8
projection_dim = 4
[training]
batch_size = 4
unroll_steps = 5
num_epochs = 400
num_negatives = 8
dropout = 0.2
state_reset = 0.1
log_interval = 3
histogram_interval = 0
evaluations_per_epoch = 2
"""


def same_tensors(one: Path, other: Path) -> bool:
    mine, theirs = read_checkpoint(one).tensors, read_checkpoint(other).tensors
    return all(
        mine[kind].keys() == theirs[kind].keys()
        and all(torch.equal(value, theirs[kind][name]) for name, value in mine[kind].items())
        for kind in mine
    )


# --- the command, as a process -----------------------------------------------------------------------


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    rng = random.Random(0)
    words = [f"{rng.choice('abcdeé')}{k}" for k in range(60)]
    for name, num_lines in [("train", 60), ("heldout", 10)]:
        lines = [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(num_lines)]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["<S>", "</S>", "<UNK>", *words[:40]]) + "\n", encoding="utf-8"
    )
    (tmp_path / "c.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def command(save_dir: str, *arguments: str) -> list[str]:
    """The arguments of a training run in the working directory, new or resumed."""
    new = ["--train-prefix", "train.txt", "--heldout-prefix", "heldout.txt", "--vocab-file", "vocab.txt"]
    given = ["--resume"] if list_checkpoints(Path(save_dir)) else [*new, "--config", "c.toml"]
    return ["train", "--save-dir", save_dir, *given, *arguments]


def start(
    save_dir: str, *arguments: str, program: tuple[str, str] = ("-m", "elmokit")
) -> subprocess.Popen[str]:
    """Train in a process of its own, which can be stopped and killed."""
    return subprocess.Popen(
        [sys.executable, *program, *command(save_dir, *arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_checkpoint(work: Path, save_dir: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not list_checkpoints(work / save_dir):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(work, run_cli, number):
    # A schedule over the whole run would depend on the limit that is set below.
    steady = ("schedule=constant", "warmup=0.0")
    process = start("run", *steady)
    wait_for_checkpoint(work, "run", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "finishing the step and writing a checkpoint; repeat to stop at once" in err
    last = list_checkpoints(work / "run")[-1]
    step = read_checkpoint(last).trainer["step"]
    assert out.splitlines()[-1] == (
        f"stopped by {number.name} after step {step:,}; checkpoint saved; "
        "resume with: elmokit train --save-dir run --resume"
    )
    assert not (work / "run/.holder.json").exists()

    limit = f"max_steps={step + 20}"
    resumed = run_cli(*command("run", limit))
    assert f"resuming after step {step:,} of {step + 20:,}" in resumed.out, resumed.err
    straight = run_cli(*command("straight", limit, *steady))
    assert straight.exit_code == 0, straight.err
    assert same_tensors(list_checkpoints(work / "run")[-1], list_checkpoints(work / "straight")[-1])


@pytest.mark.slow
def test_a_second_ctrl_c_stops_at_once(work):
    process = start("run")
    wait_for_checkpoint(work, "run", process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT), err  # the latter in the last moments of Python
    read_last_checkpoint(work / "run")
    assert [path for path in (work / "run/checkpoints").iterdir() if path.name.endswith(".partial")] == []


@pytest.mark.slow
def test_a_second_ctrl_c_at_the_very_end_is_quiet(work):
    interrupt_at_exit = (
        "import atexit, os, signal, elmokit.cli\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "elmokit.cli.main()"
    )
    process = start("run", program=("-c", interrupt_at_exit))
    wait_for_checkpoint(work, "run", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "stopped by SIGINT after step " in out
    assert "Traceback" not in err
    assert process.returncode == -signal.SIGINT


@pytest.mark.slow
def test_killed_many_times_at_any_instant(work, run_cli):
    limit = "max_steps=120"
    straight = run_cli(*command("straight", limit))
    assert "the model is in straight" in straight.out, straight.err
    rng = random.Random(3)
    num_kills = 0
    while num_kills < 8:
        process = start("run", limit)
        # From the start of Python over reading and training to the end.
        delay = rng.uniform(0.0, 1.5) if num_kills % 3 else rng.uniform(2.0, 4.0)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            num_kills += 1
            process.communicate()
            continue
        out, err = process.communicate()
        assert process.returncode == 0, err
        if "nothing to do" in out or "the model is in run" in out:
            break
    else:
        assert run_cli(*command("run", limit)).exit_code == 0
    assert num_kills > 0
    last = list_checkpoints(work / "run")[-1]
    assert last.name == list_checkpoints(work / "straight")[-1].name
    assert same_tensors(last, list_checkpoints(work / "straight")[-1])
    mine, theirs = (
        [json.loads(line) for line in (work / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("run", "straight")
    )
    losses = [[(r["step"], r["event"], r["perplexity"]) for r in records] for records in (mine, theirs)]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_a_second_run_is_refused_and_says_who_holds_the_directory(work, run_cli):
    process = start("run")
    try:
        wait_for_checkpoint(work, "run", process)
        second = run_cli(*command("run"))
        assert second.exit_code == 2
        (line,) = second.err.strip().splitlines()
        assert line.startswith(f"elmokit: run: another training run is using it (process {process.pid} on ")
        assert line.endswith("wait for it to finish, stop it, or choose another --save-dir")
    finally:
        process.kill()
        process.communicate()
    # Nobody has to tidy up after a kill.
    assert (work / "run/.holder.json").exists()
    last = read_last_checkpoint(work / "run")[1].trainer["step"]
    again = run_cli(*command("run", f"max_steps={last + 3}"))
    assert "the model is in run" in again.out, again.err


# --- inside a process --------------------------------------------------------------------------------


def test_a_stop_before_an_evaluation_leaves_it_due(make_trainer):
    straight = make_trainer("straight", max_steps=20, evaluations_per_epoch=4)
    list(straight.run())
    stopped = make_trainer("stopped", max_steps=20, evaluations_per_epoch=4)
    evaluated = [
        progress.step
        for progress in make_trainer("x", max_steps=20, evaluations_per_epoch=4).run()
        if progress.evaluation is not None
    ]
    for progress in stopped.run():
        if progress.step == evaluated[0] - 1:
            stopped.request_stop()  # the next step is followed by an evaluation
    assert progress.stopped
    assert progress.evaluation is None
    assert progress.step == evaluated[0]
    resumed = make_trainer("stopped", max_steps=20, evaluations_per_epoch=4)
    resumed.load_checkpoint(read_last_checkpoint(resumed.save_dir)[1])
    assert resumed.training_state.counters.evaluation_is_due
    news = list(resumed.run())
    assert news[0].step == evaluated[0]
    assert news[0].evaluation is not None
    for name in ("best_step", "best_perplexity", "evaluations_without_gain", "evaluation_is_due"):
        one, other = resumed.training_state.counters, straight.training_state.counters
        assert getattr(one, name) == getattr(other, name)
    assert same_tensors(list_checkpoints(resumed.save_dir)[-1], list_checkpoints(straight.save_dir)[-1])


def spoil_steps(trainer: Trainer, steps: set[int], monkeypatch, times: int = 10**9) -> None:
    """Make the loss infinite in some steps, for the first so many times."""
    forward, left = trainer.model.forward, times

    def spoiled(*arguments, **options):
        nonlocal left
        output = forward(*arguments, **options)
        if torch.is_grad_enabled() and trainer.step + 1 in steps and left > 0:
            left -= 1
            total = output.forward.total_loss * float("inf")
            return output._replace(forward=output.forward._replace(total_loss=total))
        return output

    monkeypatch.setattr(trainer.model, "forward", spoiled)


def test_a_batch_that_is_not_finite_is_skipped_and_named(make_trainer, texts, monkeypatch):
    trainer = make_trainer(max_steps=6, non_finite_limit=3)
    spoil_steps(trainer, {4}, monkeypatch, times=2)
    before = None
    warnings = []
    for progress in trainer.run():
        if progress.warning is not None:
            warnings.append(progress.warning)
            assert progress.step == 3
            now = [value.detach().clone() for value in trainer.model.parameters()]
            assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))
        before = [value.detach().clone() for value in trainer.model.parameters()]
    assert trainer.step == 6
    assert len(warnings) == 2
    assert all(w.startswith("step 4: loss ") and w.endswith("; the batch is skipped") for w in warnings)
    assert "train-0.txt:" in warnings[0]
    assert all(torch.isfinite(value).all() for value in trainer.model.parameters())


def test_too_many_in_a_row_roll_training_back(make_trainer, monkeypatch):
    trainer = make_trainer(max_steps=12, evaluations_per_epoch=10**6, non_finite_limit=2, log_interval=1)
    spoil_steps(trainer, {8}, monkeypatch, times=2)
    progresses = list(trainer.run())
    (rolled_back,) = [p for p in progresses if p.warning is not None and "rolled back" in p.warning]
    assert rolled_back.step == 7
    assert "rolled back to step-00000007, learning rate 0.2 x 0.5 from here on" in rolled_back.warning
    assert trainer.step == 12
    records = [json.loads(line) for line in (trainer.save_dir / "metrics.jsonl").read_text().splitlines()]
    rates = [record["learning_rate"] for record in records if record["event"] == "train"]
    assert rates == [0.2] * 7 + [0.1] * 5
    assert read_last_checkpoint(trainer.save_dir)[1].trainer["learning_rate_factor"] == 0.5
    # It goes on with the lower rate, unless another one is given.
    for settings, factor in (({}, 0.5), ({"learning_rate": 0.05}, 1.0)):
        again = make_trainer(max_steps=14, evaluations_per_epoch=10**6, **settings)
        again.load_checkpoint(read_last_checkpoint(trainer.save_dir)[1])
        assert again.training_state.schedule.factor == factor


def test_rolling_back_has_an_end(make_trainer, monkeypatch):
    trainer = make_trainer(max_steps=12, evaluations_per_epoch=10**6, non_finite_limit=1)
    spoil_steps(trainer, {5}, monkeypatch)
    with pytest.raises(NonFiniteError, match="rolled back 5 times since its last checkpoint without success"):
        list(trainer.run())
    assert trainer.training_state.schedule.factor == 1 / 32
    assert list_checkpoints(trainer.save_dir)[-1].name == "step-00000004"


@pytest.mark.parametrize("settings", [{"non_finite": "stop"}, {"evaluations_per_epoch": 1}], ids=str)
def test_or_stop_it(make_trainer, monkeypatch, settings):
    trainer = make_trainer(
        **{"max_steps": 12, "evaluations_per_epoch": 10**6, "non_finite_limit": 2, **settings}
    )
    spoil_steps(trainer, {5}, monkeypatch)
    with pytest.raises(
        ElmokitError,
        match=r"2 batches in a row .* not finite, the last at step 5: loss .*lower learning_rate",
    ):
        list(trainer.run())

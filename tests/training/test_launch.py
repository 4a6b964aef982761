"""Several processes started by one command: killed, hung and interrupted."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from elmokit.formats.checkpoint import list_checkpoints, read_checkpoint
from elmokit.training.distributed import RankError
from elmokit.training.launch import _quiet_agent, launch, refuse_lost
from elmokit.training.rendezvous import LAUNCHER

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
batch_size = 2
unroll_steps = 5
num_epochs = 100000
num_negatives = 0
checkpoint_minutes = 0.004
log_interval = 3
histogram_interval = 0
"""

OPTIONS = ["--vocab-file", "vocab.txt", "--save-dir", "run", "--config", "c.toml"]

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="the processes are found in /proc")


@pytest.fixture
def work(tmp_path) -> Path:
    rng = random.Random(0)
    words = [f"{rng.choice('abcdeé')}{k}" for k in range(60)]
    lines = [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(60)]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("\n".join(["<S>", "</S>", "<UNK>", *words]) + "\n", encoding="utf-8")
    (tmp_path / "c.toml").write_text(SETTINGS)
    return tmp_path


@contextmanager
def started(work: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A training run; whatever happens, none of its processes is left behind."""
    environment = os.environ | {
        "ELMOKIT_CACHE": str(work / "cache"),
        "OMP_NUM_THREADS": "1",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "5",  # until a process that hangs is killed
    }
    launcher = subprocess.Popen(
        [sys.executable, "-m", "elmokit", "train", *OPTIONS, "--train-prefix", "train.txt", *arguments],
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield launcher
    finally:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or belongs to somebody else
                if (process / "cwd").resolve() == work.resolve():
                    os.kill(int(process.name), signal.SIGKILL)
        launcher.communicate()


def other_process(launcher: subprocess.Popen[str], work: Path) -> int:
    """The process that does not hold the save directory."""
    main = json.loads((work / "run/.holder.json").read_text())["pid"]
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    (pid,) = (
        int(child)
        for child in children
        if int(child) != main and b"elmokit" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return pid


def wait_until(condition: Callable[[], bool], launcher: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if launcher.poll() is not None or time.monotonic() > deadline:
            launcher.terminate()
            pytest.fail(str(launcher.communicate()))
        time.sleep(0.05)


@pytest.mark.slow
def test_a_run_survives_a_killed_and_a_hung_process_and_stops_with_one_checkpoint(work):
    with started(work, "n_gpus=2", "rank_timeout=4", "--max-restarts", "2") as launcher:
        reached = 0

        def has_gone_on() -> bool:
            nonlocal reached
            steps = [int(path.name.removeprefix("step-")) for path in list_checkpoints(work / "run")]
            goes_on = bool(steps) and steps[-1] > reached and (work / "run/.holder.json").exists()
            reached = steps[-1] if goes_on else reached
            return goes_on

        wait_until(has_gone_on, launcher)
        holder = (work / "run/.holder.json").read_text()
        os.kill(other_process(launcher, work), signal.SIGKILL)
        wait_until(
            lambda: (
                (work / "run/.holder.json").exists() and (work / "run/.holder.json").read_text() != holder
            ),
            launcher,
        )
        wait_until(has_gone_on, launcher)
        holder, stopped_at = (work / "run/.holder.json").read_text(), time.monotonic()
        os.kill(other_process(launcher, work), signal.SIGSTOP)
        wait_until(
            lambda: (
                (work / "run/.holder.json").exists() and (work / "run/.holder.json").read_text() != holder
            ),
            launcher,
        )
        assert time.monotonic() - stopped_at < 60
        wait_until(has_gone_on, launcher)

        launcher.send_signal(signal.SIGINT)
        out, err = launcher.communicate(timeout=60)
        assert launcher.returncode == 130, err
        step = read_checkpoint(list_checkpoints(work / "run")[-1]).trainer["step"]
        assert out.splitlines()[-1] == (
            f"stopped by SIGINT after step {step:,}; checkpoint saved; "
            "resume with: elmokit train --save-dir run --resume"
        )
        assert err.count("finishing the step and writing a checkpoint") == 1
        assert "Traceback" not in err
        assert "torch/distributed/elastic" not in err, "the processes alone say what happens"
        assert out.count("resuming after step") == 2
        records = [json.loads(line) for line in (work / "run/metrics.jsonl").read_text().splitlines()]
        steps = [record["step"] for record in records]
        assert steps == sorted(set(steps)), "no step is done twice in the records"
        assert steps[-1] <= step
        assert json.loads((work / "run/config.json").read_text())["training"]["num_processes"] == 2


@pytest.mark.slow
def test_processes_end_with_what_has_started_them(work):
    with started(work, "n_gpus=2") as launcher:
        wait_until(lambda: bool(list_checkpoints(work / "run")), launcher)
        launcher.kill()
        out, err = launcher.communicate(timeout=60)  # until none has the pipe
    step = read_checkpoint(list_checkpoints(work / "run")[-1]).trainer["step"]
    assert out.splitlines()[-1].startswith(f"stopped by SIGTERM after step {step:,}; checkpoint saved")
    assert "Traceback" not in err
    assert not (work / "run/.holder.json").exists()


def test_a_process_that_hangs_ends_with_what_has_started_it():
    code = """if True:
        import signal, time
        from elmokit.training.rendezvous import ending_with_launcher

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("hangs", flush=True)
        with ending_with_launcher():
            time.sleep(60)
        """
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {code!r}])"
    ended = subprocess.run(  # which waits until nobody has the pipe
        [sys.executable, "-c", parent],
        env=os.environ
        | {"TORCHELASTIC_RUN_ID": "1", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "0", LAUNCHER: "1000000000"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (ended.stdout, ended.stderr) == ("hangs\n", "")


def test_what_starts_the_processes_says_nothing():
    """Each logger of PyTorch has a level of its own, which that of the package does not change."""
    agent = logging.getLogger("torch.distributed.elastic.agent.server.api")
    assert agent.isEnabledFor(logging.WARNING)
    with _quiet_agent():
        assert not agent.isEnabledFor(logging.CRITICAL)
    assert agent.isEnabledFor(logging.WARNING)


def test_a_mistake_that_every_process_finds_is_reported_once(work, monkeypatch, capfd):
    monkeypatch.chdir(work)
    assert (
        launch(["train", *OPTIONS, "--train-prefix", "train.txt", "num_processes=2", "device=cuda:0"], 2) == 2
    )
    assert capfd.readouterr().err == (
        "elmokit: device=cuda:0: expected auto, cuda or cpu: each of 2 processes takes a GPU of its own\n"
    )
    assert not (work / "run").exists()


def test_a_process_with_another_text_is_refused_by_the_command(work):
    """As on a machine to which another file has been copied."""
    (work / "other.txt").write_text((work / "train.txt").read_text() + "one more line\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "elmokit", "train", *OPTIONS, "--train-prefix", text],
            cwd=work,
            env={**os.environ, **address, "RANK": str(rank), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
            | {"ELMOKIT_CACHE": str(work / f"cache-{rank}")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, text in enumerate(["train.txt", "other.txt"])
    ]
    main, other = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    *warnings, line = main.splitlines()
    assert all(warning.startswith("warning: ") for warning in warnings)
    assert line.startswith(
        f"elmokit: process 1 of 2 on {socket.gethostname()}: fingerprint of training text is "
    )
    assert line.endswith("start all processes with the same texts, settings and version")
    assert other == "", "the main process has said it"
    assert not list_checkpoints(work / "run")


def failure(exitcode: int, *, after: int = 0) -> ProcessFailure:
    found = ProcessFailure(local_rank=0, pid=1, exitcode=exitcode, error_file="")
    found.timestamp = 1_000_000 + after
    return found


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        (
            {0: failure(-9), 1: failure(130), 2: failure(-15)},
            r"process 0 of 3 was ended by SIGKILL \(is there",
        ),
        (
            {0: failure(2), 1: failure(2), 2: failure(-11)},
            r"process 2 of 3 was ended by SIGSEGV: resume from",
        ),
        ({1: failure(2), 2: failure(2), 0: failure(-9, after=30)}, r"process 0 of 3 did not answer, and was"),
    ],
)
def test_a_lost_process_is_named(failures, message, monkeypatch):
    """The main one cannot say anything then, and the others are silent."""
    monkeypatch.delenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", raising=False)
    with pytest.raises(RankError, match=message):
        refuse_lost(failures, 3)
    refuse_lost({0: failure(2), 1: failure(2), 2: failure(-15, after=1)}, 3)  # the main one has said it

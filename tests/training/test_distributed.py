"""Several processes compute what one computes: two and four of them, with gloo, each started once."""

from __future__ import annotations

import json
import os
import random
import runpy
import socket
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from elmokit.data.vocabulary import Vocabulary
from elmokit.data.word_counts import count_words
from elmokit.errors import CheckpointError, ConfigError
from elmokit.formats.checkpoint import list_checkpoints, read_last_checkpoint
from elmokit.training.distributed import RankError, Ranks, _answers
from elmokit.training.trainer import Trainer

WORKER = Path(__file__).with_name("ranks_worker.py")
_worker = runpy.run_path(str(WORKER))
KINDS, TOTAL_ROWS = _worker["KINDS"], _worker["TOTAL_ROWS"]
curve, gradients = _worker["curve"], _worker["gradients"]
make_trainer, state_of = _worker["make_trainer"], _worker["state_of"]


@dataclass(frozen=True)
class Group:
    """What the processes of a group have left behind."""

    directory: Path
    values: list[dict[str, Any]]
    tensors: list[dict[str, Tensor]]

    def of(self, rank: int, prefix: str) -> dict[str, Tensor]:
        start = f"{prefix}/"
        found = self.tensors[rank].items()
        return {name.removeprefix(start): value for name, value in found if name.startswith(start)}


def write_texts(directory: Path) -> None:
    rng = random.Random(0)
    words = [f"{rng.choice('abcdeé')}{k}" for k in range(60)]
    for name, num_lines in [("train", 80), ("other", 80), ("heldout", 12)]:
        lines = [
            " ".join(rng.choices(words, [1 / (k + 1) for k in range(60)], k=rng.randint(1, 12)))
            for _ in range(num_lines)
        ]
        (directory / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Vocabulary.from_counts(count_words([directory / "train.txt"]).counts, min_count=2).save(
        directory / "vocab.txt"
    )


def start_group(directory: Path, num: int) -> Group:
    """Run the worker in `num` processes, as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(num),
        "LOCAL_WORLD_SIZE": str(num),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(WORKER), str(directory)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Group(
        directory,
        [json.loads((directory / f"rank-{rank}.json").read_text()) for rank in range(num)],
        [load_file(directory / f"rank-{rank}.safetensors") for rank in range(num)],
    )


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def group(request, tmp_path_factory) -> Group:
    directory = tmp_path_factory.mktemp(f"ranks-{request.param}")
    write_texts(directory)
    list(make_trainer(directory, "one").run())
    return start_group(directory, request.param)


@pytest.fixture
def one(group) -> Trainer:
    return make_trainer(group.directory, "fresh")


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_are_those_of_one_process(group, kind):
    expected = gradients(make_trainer(group.directory, "fresh", kind, clip_norm=1e9))
    for rank in range(len(group.values)):
        found = group.of(rank, f"gradients of {kind}")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_all_processes_have_the_same_gradients_bit_for_bit(group):
    main = group.of(0, "gradients of sampled")
    for rank in range(1, len(group.values)):
        other = group.of(rank, "gradients of sampled")
        assert all(torch.equal(value, other[name]) for name, value in main.items())


def test_the_curve_is_that_of_one_process(group, one):
    expected = curve(one)
    for values in group.values:
        for found in (values["curve"], values["curve, accumulated"]):
            np.testing.assert_allclose(found["training"], expected["training"], rtol=1e-5)
            np.testing.assert_allclose(found["heldout"], expected["heldout"], rtol=1e-5)


def test_accumulated_gradients_are_those_of_a_larger_batch(group, one):
    parts = make_trainer(group.directory, "parts", accumulation_steps=4, batch_size=TOTAL_ROWS // 4)
    found, expected = gradients(parts), gradients(one)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6, msg=name)
    for name, value in one.training_state.carried.state_dict().items():
        torch.testing.assert_close(parts.training_state.carried.state_dict()[name], value)


def test_gradients_in_bfloat16_are_close_and_half_as_large(group):
    exact, rounded = (group.of(0, f"gradients of {kind}") for kind in ("sampled", "bfloat16"))
    for name, value in exact.items():
        torch.testing.assert_close(rounded[name], value, rtol=0.02, atol=2e-3)
    values = group.values[0]
    assert 0.5 <= values["bytes of bfloat16"] / values["bytes of sampled"] < 0.6


def test_sparse_gradients_travel_as_rows(group, one):
    """All rows that any process has, and their numbers, once."""
    (batch,) = islice(one.stream, 1)
    one.train_step(batch)
    dense = sum(
        parameter.numel() for name, parameter in one.model.named_parameters() if "softmax" not in name
    )
    rows = len(one.model.softmax.weight.grad.coalesce().indices()[0])
    dim = one.model.softmax.weight.shape[1]
    exact = 4 * (dense + rows * (dim + 1))
    num_bytes = group.values[0]["bytes of sampled"]
    assert exact < num_bytes <= exact + 2 * (4 * rows + 8)  # the row numbers, of weights and bias


def test_the_processes_of_a_checkpoint_resume_as_they_were(group):
    for rank in range(len(group.values)):
        before, after = group.of(rank, "several"), group.of(rank, "again")
        assert before.keys() == after.keys()
        assert all(torch.equal(value, after[name]) for name, value in before.items() if name != "order")


def test_one_process_resumes_the_run_of_several_bit_for_bit(group, one):
    one.load_checkpoint(read_last_checkpoint(group.directory / "several")[1])
    assert one.step == 6
    found = state_of(one)
    for rank in range(len(group.values)):
        size = TOTAL_ROWS // len(group.values)
        rows = slice(rank * size, (rank + 1) * size)
        for name, value in group.of(rank, "several").items():
            mine = found[name][rows] if name.startswith("direction") else found[name]
            assert torch.equal(mine, value) or name == "order", name


def test_several_processes_resume_the_run_of_one_bit_for_bit(group, one):
    one.load_checkpoint(read_last_checkpoint(group.directory / "one")[1])
    found = state_of(one)
    for rank in range(len(group.values)):
        size = TOTAL_ROWS // len(group.values)
        rows = slice(rank * size, (rank + 1) * size)
        for name, value in group.of(rank, "from one").items():
            mine = found[name][rows] if name.startswith("direction") else found[name]
            assert torch.equal(mine, value), name


def test_another_number_of_rows_is_refused_by_name(group):
    checkpoint = read_last_checkpoint(group.directory / "several")[1]
    num = len(group.values)
    rows = TOTAL_ROWS // num
    with pytest.raises(
        CheckpointError,
        match=f"training.num_processes: {num}, 1; "
        f"batch_size x accumulation_steps x num_processes: {TOTAL_ROWS}, {rows}",
    ):
        make_trainer(group.directory, "fresh", batch_size=rows).load_checkpoint(checkpoint)


def test_a_sharded_model_has_the_gradients_of_one_process(group):
    found = group.of(0, "sharded")
    if not found:
        pytest.skip("this PyTorch shards on accelerators only")
    trainer = make_trainer(group.directory, "fresh", "full", dropout=0.0, state_reset=0.0)
    (batch,) = islice(trainer.stream, 1)
    sum(direction.total_loss for direction in trainer.model(batch).directions).backward()
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-5, atol=1e-5, msg=name)


def test_only_the_main_process_writes(group):
    records = [
        json.loads(line) for line in (group.directory / "several/metrics.jsonl").read_text().splitlines()
    ]
    trained = [record for record in records if record["event"] == "train"]
    assert [record["step"] for record in trained] == list(range(1, 7))
    for record in trained:
        assert 0 <= record["communication_share"] <= 1
        assert record["communication_bytes_per_step"] > 0
    assert len(list_checkpoints(group.directory / "several")) >= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("another corpus", "process 1 of {num} on {host}: fingerprint of training text is "),
        ("other settings", "process 1 of {num} on {host}: training.unroll_steps is 6, expected 5 as in"),
        ("unequal batches", "process 1 of {num} on {host}: training.batch_size is "),
        ("an error in one process", "process 1 of {num} on {host}: the disk is on fire"),
    ],
)
def test_the_main_process_says_what_is_wrong_in_another(group, name, message):
    main, *others = group.values
    kind, text = main[name]
    assert kind == "RankError"
    assert text.startswith(message.format(num=len(group.values), host=socket.gethostname()))
    assert {other[name][0] for other in others} == {"SilentError"}


def test_a_batch_that_is_not_finite_in_one_process_is_skipped_by_all(group):
    messages = {tuple(values["not finite"]) for values in group.values}
    assert len(messages) == 1
    ((kind, text),) = messages
    assert kind == "NonFiniteError"
    assert text.count("train.txt") > TOTAL_ROWS / 2, "it names the sentences of all processes"


def test_a_stop_of_one_process_stops_all_with_one_checkpoint(group):
    for values in group.values:
        assert values["stopped"] == [True]
    assert [path.name for path in list_checkpoints(group.directory / "stopped")] == ["step-00000002"]


def test_a_trainer_needs_its_processes(tmp_path):
    write_texts(tmp_path)
    with pytest.raises(ConfigError, match="num_processes=2: expected the number of processes, 1: start"):
        make_trainer(tmp_path, "run", num_processes=2)


def test_a_port_in_use_is_one_line(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": "0", "WORLD_SIZE": "2"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(RankError, match=f"127.0.0.1:{port}: the port is in use: choose another"):
            Ranks.join("cpu", timeout=1)


def test_what_gloo_says_is_told_without_its_advice():
    said = (
        "[/__w/gloo/transport/tcp/pair.cc:537] Read error [10.0.0.7]:32217: Connection reset by peer. This "
        "is typically caused by a remote worker hanging or bugs in the application. Check the logs."
    )
    with pytest.raises(RankError) as caught, _answers():
        raise RuntimeError(said)
    assert str(caught.value).startswith(
        "another process of the run does not answer; it has ended, hangs or cannot be reached "
        "(Read error [10.0.0.7]:32217: Connection reset by peer): resume from the last checkpoint"
    )


@pytest.mark.slow
@pytest.mark.parametrize("hanging", [0, 1])
def test_while_the_main_process_works_the_others_wait_but_not_for_one_that_hangs(hanging):
    """Neither the main one, for which they wait, nor another one, which has not come to where they do."""
    program = """
import os, signal, sys, time
from elmokit.training.distributed import RankError, Ranks

def work_long():
    time.sleep(2.5)
    return "both are there"

def hang():
    os.kill(os.getpid(), signal.SIGSTOP)

hanging = int(sys.argv[1])
ranks = Ranks.join("cpu", timeout=1)
assert ranks.from_main(work_long) == "both are there"
if ranks.rank == hanging and not ranks.is_main:
    hang()
try:
    ranks.from_main(hang if hanging == 0 else lambda: "done")
except RankError:
    print("found", flush=True)
os._exit(0)
"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(hanging)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **address, "RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0"},
        )
        for rank in range(2)
    ]
    try:
        assert processes[1 - hanging].communicate(timeout=100)[0] == "found\n"
    finally:
        for process in processes:
            process.kill()
            process.communicate()

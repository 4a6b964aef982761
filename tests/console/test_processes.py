"""How a command becomes several processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.console.processes import early_settings
from elmokit.errors import ConfigError
from elmokit.training.rendezvous import Launched, is_started_again, launch_id, own_device

OPTIONS = ["--train-prefix", "text.txt", "--vocab-file", "vocab.txt", "--save-dir", "run"]


@pytest.fixture
def launches(monkeypatch) -> list[tuple[list[str], int, int]]:
    """What is launched instead of processes; it ends with status 7."""
    found = []

    def launch(arguments: list[str], num_processes: int, *, max_restarts: int) -> int:
        found.append((arguments, num_processes, max_restarts))
        return 7

    monkeypatch.setattr("elmokit.training.launch.launch", launch)
    return found


@pytest.fixture
def torchrun(monkeypatch) -> None:
    """The environment of the first of two processes."""
    values = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("setting", ["n_gpus=3", "num_processes=3", "--num-processes=3"])
def test_a_setting_starts_the_same_command_in_processes(run_cli, launches, setting):
    result = run_cli("train", *OPTIONS, "--config", "tiny", setting, "--max-restarts", "2")
    assert (result.exit_code, result.err) == (7, "")
    assert launches == [(sys.argv[1:], 3, 2)]


def test_the_options_of_bilm_tf_say_how_many(run_cli, launches, tmp_path):
    options = Config.load("tiny").to_bilm_options(num_words=9) | {"n_gpus": 2, "batch_size": 4}
    path = tmp_path / "options.json"
    path.write_text(json.dumps(options))
    assert Config.load(path).training.num_rows == 8
    run_cli("train", *OPTIONS, "--config", path)
    assert launches[0][1] == 2


def test_a_run_resumes_in_as_many_processes(run_cli, launches, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Config.load("tiny", ["num_processes=4"]).save(Path("run/config.json"))
    run_cli("train", "--save-dir", "run", "--resume")
    run_cli("train", "--save-dir", "run", "--resume", "num_processes=2", "batch_size=64")
    assert [num for _, num, _ in launches] == [4, 2]


def test_only_the_division_is_known_of_a_model_that_is_not_read_yet():
    overrides = ["tie_softmax=true", "n_gpus=2", "device=cpu"]  # which fits no model with characters
    training = early_settings(None, overrides)
    assert (training.num_processes, training.device) == (2, "cpu")


@pytest.mark.usefixtures("torchrun")
@pytest.mark.parametrize("setting", ["num_processes=3", "n_gpus=1"])
def test_torchrun_and_the_settings_agree(run_cli, setting):
    result = run_cli("train", *OPTIONS, "--config", "tiny", setting)
    assert result.exit_code == 2
    number = setting[-1]
    assert f"num_processes={number}: torchrun has started 2 processes: leave the setting out" in result.err


def test_several_processes_cannot_read_the_standard_input(run_cli, launches):
    result = run_cli("train", *OPTIONS[2:], "--train-prefix", "-", "--config", "tiny", "n_gpus=2")
    assert result.exit_code == 2
    assert "the standard input cannot be read by several processes: write it to a file" in result.err
    assert not launches


def test_the_number_is_given_once(run_cli):
    result = run_cli("train", *OPTIONS, "--num-processes", "2", "num_processes=2")
    assert "num_processes is given twice, as --num-processes and as num_processes=" in result.err


def test_each_process_takes_a_gpu(monkeypatch):
    process = Launched(rank=5, num=8, local_rank=1, local_num=2, address="here:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert own_device("auto", process) == own_device("cuda", process) == "cuda:1"
    assert own_device("cpu", process) == "cpu"
    with pytest.raises(ConfigError, match="device=cuda:0: expected auto, cuda or cpu: each of 2 processes"):
        own_device("cuda:0", process)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(ConfigError, match="need as many GPUs, found 1: lower num_processes"):
        own_device("auto", process)


def test_a_launch_is_recognized_after_a_restart(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert (launch_id(), is_started_again()) == (None, False)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert (launch_id(), is_started_again()) == ("job-7", True)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")  # the default says nothing
    assert launch_id() not in (None, "none", "job-7")

"""Damaged files are read correctly, or as finite values if a format has no checksum, or refused in one line.

The cases run in another process (worker.py) with limited memory and time, so that a crash or a hang is the
failure of one case. Raise ``CASES`` for more cases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CASES = 80  # of each file, each some milliseconds
WORKER = Path(__file__).with_name("worker.py")
STEP = "checkpoints/step-00000003"

FILES = [
    *("pair:options.json", "pair:weights.hdf5", "pair:softmax_weights.hdf5", "pair:vocab.txt"),
    *("words:options.json", "words:weights.hdf5", "words:vocab.txt"),
    *("directory:config.json", "directory:model.safetensors", "directory:vocab.txt"),
    *("lexicon:config.json", "lexicon:model.safetensors", "lexicon:lexicon.json"),
    "zip:model.zip",
    *("run:config.json", "run:vocab.txt", f"run:{STEP}/trainer.json", f"run:{STEP}/model.safetensors"),
    *(f"state:{STEP}/trainer.json", f"state:{STEP}/optimizer.safetensors", f"state:{STEP}/state.safetensors"),
    *("manylangs:config.json", "manylangs:cnn_small.json", "manylangs:char.dic", "manylangs:word.dic"),
    *("manylangs:token_embedder.pkl", "manylangs:encoder.pkl"),
    *("tensorflow:options.json", "tensorflow:vocab.txt", "tensorflow:checkpoint"),
    *("tensorflow:model.ckpt-90.index", "tensorflow:model.ckpt-90.data-00000-of-00001"),
    "tokens:tokens.hdf5",
]
# Every byte of what these give is covered by a checksum.
CHECKED = [
    file
    for file in FILES
    if file.startswith(("zip:", "state:", "run:", "directory:", "lexicon:", "tensorflow:model.ckpt"))
    or file.endswith(".pkl")
]
# Character models need no vocabulary, so a bad one is ignored.
NEVER_REFUSED = ["pair:vocab.txt", "tensorflow:vocab.txt"]

Outcome = dict[str, Any]


def run_worker(directory: Path, golden: Path, jobs: list[str]) -> tuple[int, list[Outcome], str]:
    """Return its exit code, what it printed, and what it wrote to stderr."""
    process = subprocess.run(
        [sys.executable, "-W", "error", str(WORKER), str(directory), str(golden), *jobs],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        check=False,
    )
    return process.returncode, [json.loads(line) for line in process.stdout.splitlines()], process.stderr


def run_all(directory: Path, golden: Path) -> Iterator[tuple[str, int, Outcome]]:
    """Yield file, seed and outcome of every case; a new worker continues where the last one died."""
    first = dict.fromkeys(FILES, 0)
    while True:
        jobs = [f"{file}:{start}:{CASES}" for file, start in first.items() if start < CASES]
        if not jobs:
            return
        exit_code, lines, stderr = run_worker(directory, golden, jobs)
        begun: Outcome | None = None
        for line in lines:
            if begun is None:
                begun = line
                first[line["job"]] = line["seed"] + 1
            else:
                yield begun["job"], begun["seed"], line
                begun = None
        if begun is not None:
            yield begun["job"], begun["seed"], {"outcome": "crash", "message": stderr[:2000]}
        else:
            assert exit_code == 0, stderr


@pytest.fixture(scope="module")
def cases(tmp_path_factory, golden) -> dict[str, dict[int, Outcome]]:
    """The outcomes of all cases, by file and seed."""
    found: dict[str, dict[int, Outcome]] = defaultdict(dict)
    for file, seed, outcome in run_all(tmp_path_factory.mktemp("models"), golden):
        found[file][seed] = outcome
    return found


@pytest.mark.parametrize("file", FILES)
def test_it_is_read_or_refused_in_a_line_that_names_the_model(cases, file):
    assert list(cases[file]) == list(range(CASES))
    kinds = Counter(outcome["outcome"] for outcome in cases[file].values())
    wrong = {
        seed: case["message"] for seed, case in cases[file].items() if case["outcome"] in ("bug", "crash")
    }
    assert wrong == {}
    assert (kinds["refused"] == 0) == (file in NEVER_REFUSED), kinds
    form = file.partition(":")[0]
    for case in cases[file].values():
        if case["outcome"] == "refused":
            assert case["message"].isprintable()  # so it is one line
            assert f"/{form}" in case["message"]  # the model's directory
            assert len(case["message"]) < 5000


@pytest.mark.parametrize("file", CHECKED)
def test_what_a_checksum_covers_is_read_as_it_was_or_not_at_all(cases, file):
    assert {case["outcome"] for case in cases[file].values()} <= {"same", "refused"}


def test_most_damage_is_noticed(cases):
    kinds = Counter(outcome["outcome"] for own in cases.values() for outcome in own.values())
    assert sum(kinds.values()) == len(FILES) * CASES
    assert kinds["refused"] > sum(kinds.values()) / 2
    assert kinds["other"] > 100  # formats without checksums
    assert kinds["same"] > 100


def test_the_command_line_prints_that_line_and_exits_with_2(cases):
    ran = [case for own in cases.values() for case in own.values() if "exit_code" in case]
    refused = [case for case in ran if case["exit_code"] == 2]
    assert len(refused) > 30
    for case in refused:
        assert case["outcome"] == "refused", case
        *warned, line = case["stderr"].splitlines()
        assert all(warning.startswith("warning: ") for warning in warned), warned
        assert line == f"elmokit: {case['message']}"
    # `info` does not need what only embedding needs.
    others = [case for case in ran if case["exit_code"] != 2]
    assert {case["exit_code"] for case in others} == {0}
    assert all(case["stderr"].startswith("warning: ") for case in others if case["stderr"])
    needs_more = [case["message"] for case in others if case["outcome"] == "refused"]
    assert all("needs its vocabulary" in message for message in needs_more)

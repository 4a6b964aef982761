"""A text is embedded on a Ray cluster of two nodes, whatever happens to the program and to its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Ray starts several nodes on one machine on Linux"),
]

WORKER = Path(__file__).with_name("ray_cluster_worker.py")
MODEL = "tiny-en"
LINES = [f"the cat{k % 4} sat on {'a ' * (k % 9)}mat" if k % 7 else "" for k in range(1000)]
LAYOUT: dict[str, Any] = {"layers": "top", "dtype": "int8"}
PART_BYTES = 500


@dataclass(frozen=True)
class Job:
    """What the programs on the cluster have written and seen."""

    output: Path
    expected: Path
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Job:
    pytest.importorskip("ray.data")
    directory = tmp_path_factory.mktemp("ray")
    text = directory / "text.txt"
    text.write_text("\n".join(LINES) + "\n")
    embedder = ElmoEmbedder.load(MODEL)
    alone = plan_job(text, directory / "expected", embedder.layout(**LAYOUT), part_bytes=PART_BYTES)
    for part in alone.parts:
        do_part(embedder, alone, part)
    finish_job(alone)
    options = {**LAYOUT, "num_actors": 2, "part_bytes": PART_BYTES}
    output = directory / "output"
    seen = run_on_cluster([MODEL, str(text), str(output), json.dumps(options)])
    return Job(output, directory / "expected", seen)


def run_on_cluster(arguments: list[str]) -> dict[str, Any]:
    """Let the worker start a cluster, and leave nothing of it behind, neither processes nor files."""
    import psutil

    # The names of Ray's sockets are as long as the system allows, so its directory has a short one.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as directory:
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"RAY_TMPDIR": directory, "RAY_USAGE_STATS_ENABLED": "0"},
        )
        try:
            out, err = worker.communicate(timeout=500)
        except subprocess.TimeoutExpired:
            for process in psutil.Process(worker.pid).children(recursive=True):
                process.kill()
            worker.kill()
            pytest.fail("".join(worker.communicate()))
    assert worker.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_the_result_is_that_of_one_process(job):
    assert content(job.output) == content(job.expected)
    first_ids = [file["first_id"] for file in job.seen["manifest"]["files"]]
    assert first_ids == sorted(first_ids)
    kinds = {path.name.partition("-")[0] for path in job.output.iterdir()}
    assert kinds == {"part", "_job.json", "_manifest.json"}


def test_there_were_two_nodes_with_an_actor_each(job):
    assert job.seen["nodes"] == 2
    assert job.seen["actors"] == [1, 1], "when one of them was killed"


def test_a_part_that_is_done_is_not_done_again(job):
    """Neither when another program goes on, nor when an actor has been killed."""
    done = job.seen["done"]
    assert 0 < len(job.seen["stopped"]) < len(job.seen["killed"]) < len(done)
    for earlier in (job.seen["stopped"], job.seen["killed"]):
        assert earlier.items() <= done.items()


def test_progress_counts_the_parts_that_were_done_before(job):
    numbers, totals = zip(*job.seen["progress"], strict=True)
    assert numbers == tuple(range(numbers[0], totals[0] + 1))
    assert numbers[0] > 1
    assert set(totals) == {len(job.seen["done"])}


def test_mistakes_are_said_in_a_line(job):
    assert job.seen["another layout"][0] == "OutputError"
    assert "another job was begun there (other layout)" in job.seen["another layout"][1]
    assert job.seen["bad text"][0] == "TextError"
    assert "bad.txt:1: not valid UTF-8" in job.seen["bad text"][1]
    assert job.seen["without a cluster"][0] == "ElmokitError"
    assert job.seen["without a cluster"][1].startswith("Ray is not running: call ray.init() first")

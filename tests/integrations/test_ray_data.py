"""A text is embedded on a Ray cluster of two nodes, whatever happens to its workers.

Starting the nodes takes half a minute, and much longer on a busy machine, for which Ray does not wait. So
these tests run on request: ELMOKIT_TEST_RAY=1.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError, OutputError, TextError
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not os.environ.get("ELMOKIT_TEST_RAY"), reason="set ELMOKIT_TEST_RAY=1 to start Ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="Ray starts several nodes on one machine on Linux"),
]

LINES = [f"the cat{k % 4} sat on {'a ' * (k % 9)}mat" if k % 7 else "" for k in range(1000)]
OPTIONS: dict[str, Any] = {"layers": "top", "dtype": "int8", "num_actors": 2, "part_bytes": 500}


@pytest.fixture(scope="module")
def second_node():
    """One of the two nodes of a cluster, each with one processor; the other one is the head."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("psutil")
    data = pytest.importorskip("ray.data")
    Cluster = pytest.importorskip("ray.cluster_utils").Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    data.DataContext.get_current().enable_progress_bars = False
    assert len(ray.nodes()) == 2
    yield second
    ray.shutdown()
    cluster.shutdown()
    with warnings.catch_warnings():  # Ray does not wait for all of its processes
        warnings.simplefilter("ignore")
        del cluster, second
        gc.collect()


@pytest.fixture
def model(model_directory) -> Path:
    return model_directory("characters")


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture
def expected(model, text, tmp_path) -> Path:
    """What one process writes, without Ray."""
    embedder = ElmoEmbedder.load(model)
    options = {name: OPTIONS[name] for name in ("layers", "dtype")}
    job = plan_job(text, tmp_path / "expected", embedder.layout(**options), part_bytes=OPTIONS["part_bytes"])
    for part in job.parts:
        do_part(embedder, job, part)
    finish_job(job)
    return tmp_path / "expected"


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def written(directory: Path) -> dict[str, tuple[int, int]]:
    """The files of the parts that are done, each with what changes when it is written again."""
    done = {path.stem for path in (directory / "_parts").glob("*.json")}
    files = {path: path.stat() for path in directory.glob("part-*") if path.name.split("-")[1] in done}
    return {path.name: (status.st_ino, status.st_mtime_ns) for path, status in files.items()}


def processes(node: Any, kind: str) -> list[int]:
    """Its processes that are of some kind, by what their command says."""
    import psutil

    (raylet,) = node.all_processes["raylet"]
    family = psutil.Process(raylet.process.pid).children(recursive=True)
    return [process.pid for process in family if kind in " ".join(process.cmdline())]


def test_a_killed_worker_changes_nothing(second_node, model, text, expected, tmp_path):
    from elmokit.integrations.ray_data import embed_text

    output = tmp_path / "killed"
    before: dict[str, tuple[int, int]] = {}
    killed: list[int] = []

    def kill_once(num_done: int, num_parts: int) -> None:
        if not killed and (pids := processes(second_node, "_Actor")):
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])
            before.update(written(output))
            assert len(list((output / "_parts").iterdir())) < num_parts

    manifest = embed_text(model, text, output, on_part=kill_once, **OPTIONS)
    assert killed
    assert content(output) == content(expected)
    assert [file["first_id"] for file in manifest["files"]] == sorted(
        file["first_id"] for file in manifest["files"]
    )
    assert before
    states = {path.name: path.stat() for path in output.iterdir()}
    assert before == {name: (states[name].st_ino, states[name].st_mtime_ns) for name in before}
    assert {path.name.partition("-")[0] for path in output.iterdir()} == {
        "part",
        "_job.json",
        "_manifest.json",
    }


def test_a_stopped_program_goes_on_where_it_was(second_node, model, text, expected, tmp_path):
    from elmokit.integrations.ray_data import embed_text

    class StoppedError(Exception):
        pass

    def stop(num_done: int, num_parts: int) -> None:
        raise StoppedError

    output = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        embed_text(model, text, output, on_part=stop, **OPTIONS)
    seen: list[tuple[int, int]] = []
    embed_text(model, text, output, on_part=lambda *numbers: seen.append(numbers), **OPTIONS)
    num_parts = seen[-1][1]
    assert seen[-1][0] == num_parts
    assert 1 <= len(seen) < num_parts  # parts that were done are not done again
    assert content(output) == content(expected)
    with pytest.raises(OutputError, match=r"another job was begun there \(other layout\)"):
        embed_text(model, text, output, part_bytes=OPTIONS["part_bytes"])
    text.write_bytes(b"caf\xe9\n")
    with pytest.raises(TextError, match=r"text.txt:1: not valid UTF-8"):
        embed_text(model, text, tmp_path / "bad")


def test_without_a_cluster(model, text, tmp_path):
    """In a process of its own: in this one, Ray is running."""
    pytest.importorskip("ray")
    program = (
        "import sys; from elmokit.integrations.ray_data import embed_text\n"
        "try: embed_text(*sys.argv[1:])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    arguments = [sys.executable, "-c", program, str(model), str(text), str(tmp_path / "out")]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"{ElmokitError.__name__} Ray is not running: call ray.init() first")

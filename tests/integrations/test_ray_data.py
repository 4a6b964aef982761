"""A text is embedded on a Ray cluster, whatever happens to its workers.

Starting Ray takes half a minute, so these tests run on request: ELMOKIT_TEST_RAY=1.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError, OutputError, TextError
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not os.environ.get("ELMOKIT_TEST_RAY"), reason="set ELMOKIT_TEST_RAY=1 to start Ray"),
]

LINES = [f"the cat{k % 4} sat on {'a ' * (k % 9)}mat" if k % 7 else "" for k in range(400)]


@pytest.fixture(scope="module")
def ray():
    """A cluster of this machine, with processes of its own."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("psutil")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture
def model(model_directory) -> Path:
    return model_directory("characters")


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def actors() -> list[int]:
    """The processes of the actors."""
    import psutil

    found = psutil.Process().children(recursive=True)
    return [process.pid for process in found if "_Actor" in " ".join(process.cmdline())]


def test_a_killed_worker_changes_nothing(ray, model, text, tmp_path):
    from elmokit.integrations.ray_data import embed_text

    embedder = ElmoEmbedder.load(model)
    plain = plan_job(text, tmp_path / "plain", embedder.layout("top", "int8"), part_bytes=1000)
    for part in plain.parts:
        do_part(embedder, plain, part)
    manifest = finish_job(plain)
    options = {"layers": "top", "dtype": "int8", "num_actors": 2, "part_bytes": 1000}
    killed: list[int] = []

    def kill_once(num_done: int, num_parts: int) -> None:
        if not killed and (pids := actors()):
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])

    found = embed_text(model, text, tmp_path / "ray", on_part=kill_once, **options)
    assert killed
    assert found == manifest
    assert content(tmp_path / "ray") == content(tmp_path / "plain")

    class StoppedError(Exception):
        pass

    def stop(num_done: int, num_parts: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        embed_text(model, text, tmp_path / "stopped", on_part=stop, **options)
    seen: list[tuple[int, int]] = []
    embed_text(
        model, text, tmp_path / "stopped", on_part=lambda done, total: seen.append((done, total)), **options
    )
    assert 1 <= len(seen) < len(plain.parts)  # parts that were done are not done again
    assert content(tmp_path / "stopped") == content(tmp_path / "plain")
    with pytest.raises(OutputError, match=r"another job was begun there \(other layout\)"):
        embed_text(model, text, tmp_path / "ray", part_bytes=1000)
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

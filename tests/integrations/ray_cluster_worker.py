"""What test_ray_data.py lets a Ray cluster do: `python ray_cluster_worker.py MODEL TEXT OUTPUT OPTIONS`.

The cluster has two nodes, each with one processor and one actor. A first program is stopped after some parts.
A second one goes on, and one of its actors is killed. What was seen is printed as JSON.

It is a program of its own because the threads that Ray starts in a process do not end with the cluster.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.cluster_utils import Cluster
from ray.data import DataContext

from elmokit.errors import ElmokitError
from elmokit.integrations.ray_data import embed_text

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}


class StoppedError(Exception):
    pass


def actors(node: Any) -> list[int]:
    """The processes of a node that hold a model, by what their command says."""
    (raylet,) = node.all_processes["raylet"]
    found = []
    for process in psutil.Process(raylet.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if "_Actor" in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def done_files(output: Path) -> dict[str, list[int]]:
    """The files of the parts that are done, each with what changes when it is written again."""
    done = {path.stem for path in (output / "_parts").glob("*.json")}
    is_complete = (output / "_manifest.json").exists()
    states = {
        path.name: path.stat()
        for path in output.glob("part-*")
        if is_complete or path.name.split("-")[1] in done
    }
    return {name: [state.st_ino, state.st_mtime_ns] for name, state in states.items()}


def error(function: Callable[[], Any]) -> list[str]:
    try:
        function()
    except ElmokitError as found:
        return [type(found).__name__, str(found)]
    return []


def embed(nodes: list[Any], model: str, text: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    def stop(num_done: int, num_parts: int) -> None:
        raise StoppedError

    seen: dict[str, Any] = {"progress": []}
    try:
        embed_text(model, text, output, on_part=stop, **options)
    except StoppedError:
        seen["stopped"] = done_files(output)

    def kill_once(num_done: int, num_parts: int) -> None:
        seen["progress"].append([num_done, num_parts])
        running = [actors(node) for node in nodes]
        if "killed" not in seen and all(running):
            os.kill(running[-1][0], signal.SIGKILL)
            seen.update(killed=done_files(output), actors=list(map(len, running)))

    seen["manifest"] = embed_text(model, text, output, on_part=kill_once, **options)
    seen["done"] = done_files(output)
    seen["another layout"] = error(lambda: embed_text(model, text, output, part_bytes=options["part_bytes"]))
    bad = output.with_name("bad.txt")
    bad.write_bytes(b"caf\xe9\n")
    seen["bad text"] = error(lambda: embed_text(model, bad, output.with_name("bad")))
    return seen


def main(model: str, text: str, output: Path, options: dict[str, Any]) -> None:
    without = error(lambda: embed_text(model, text, output))
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        nodes = [cluster.head_node, cluster.add_node(**NODE)]
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.wait_for_min_actors_s = 300  # so that both do something
        seen = embed(nodes, model, text, output, options)
        seen |= {"without a cluster": without, "nodes": len(ray.nodes())}
    finally:
        ray.shutdown()
        cluster.shutdown()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3], Path(sys.argv[3]), json.loads(sys.argv[4]))

"""The examples of docs/large.md for clusters have no mistake in their form."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "large.md"


def block(title: str) -> str:
    found = re.search(
        rf'^```\w+ title="{title}[^\n]*\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


def test_the_slurm_script_is_a_script(tmp_path):
    path = tmp_path / "train.slurm"
    path.write_text(block("train.slurm"))
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True)
    assert "elmokit train" in path.read_text()


def test_the_manifest_is_a_job_and_its_service():
    yaml = pytest.importorskip("yaml")
    service, job = yaml.safe_load_all(block("train.yaml"))
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    spec = job["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert spec["completions"] == spec["parallelism"] == 2
    assert f"--nnodes={spec['completions']}" in container["command"]
    assert all(isinstance(word, str) for word in container["command"])
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


@pytest.mark.filterwarnings("ignore")
def test_the_manifest_has_the_form_that_kubernetes_expects():
    validate = pytest.importorskip("kubernetes_validate").validate
    yaml = pytest.importorskip("yaml")
    for document in yaml.safe_load_all(block("train.yaml")):
        validate(document, "1.30", strict=True)


@pytest.mark.parametrize("title", ["train.py", "shard.py"])
def test_the_scripts_compile(title):
    compile(block(title), title, "exec")


def test_the_ray_job_is_a_job():
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load(block("embed.yaml"))
    assert (job["kind"], job["spec"]["entrypoint"]) == ("RayJob", "python embed.py")
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"]) == {"pip": ["elmokit[ray,s3]"]}
    groups = [job["spec"]["rayClusterSpec"]["headGroupSpec"]]
    groups += job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    containers = [container for group in groups for container in group["template"]["spec"]["containers"]]
    assert all("image" in container for container in containers)

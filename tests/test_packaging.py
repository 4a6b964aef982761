"""The wheel has all files of the package, and every dependency has a lowest version to test with."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def files_of_wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    pytest.importorskip("hatchling")
    directory = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = directory.glob("elmokit-*-py3-none-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(files_of_wheel):
    expected = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "elmokit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packaged = {name for name in files_of_wheel if ".dist-info/" not in name}
    assert packaged == expected
    for name in (
        "py.typed",
        "config/shipped/tiny.toml",
        "repository/bundled/tiny-en/model.safetensors",
        "repository/bundled/tiny-en/README.md",
    ):
        assert f"elmokit/{name}" in packaged


@pytest.mark.slow
def test_the_wheel_installs_the_command_and_the_license(files_of_wheel):
    names = {name.partition(".dist-info/")[2] for name in files_of_wheel if ".dist-info/" in name}
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= names


@pytest.fixture(scope="module")
def hatch_build() -> ModuleType:
    """The build hooks."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ADDRESS = "https://example.org/us/elmokit"


def test_links_of_the_readme_work_on_a_package_index(hatch_build):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    absolute = hatch_build.with_absolute_links(text, ADDRESS)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", absolute)
    assert len(links) > 20
    for is_picture, link in links:
        assert link.startswith("https://")
        if link.startswith(ADDRESS):
            kind, branch, path = link.removeprefix(f"{ADDRESS}/").split("/", 2)
            assert (kind, branch) == ("raw" if is_picture else "blob", "main")
            assert (ROOT / path.partition("#")[0]).is_file(), link
    assert f"]({ADDRESS}/raw/main/docs/images/" in absolute


@pytest.mark.parametrize("address", ["", f"{ADDRESS}/"])
def test_the_address_is_one_setting(hatch_build, address):
    metadata: dict[str, Any] = {}
    hatch_build.PublishedMetadata(str(ROOT), {"address": address}).update(metadata)
    assert metadata["readme"]["content-type"] == "text/markdown"
    assert (ADDRESS in metadata["readme"]["text"]) == bool(address)
    assert metadata["urls"].get("Source") == (ADDRESS if address else None)


@pytest.fixture(scope="module")
def lowest_versions() -> ModuleType:
    """The program that prints the lowest versions."""
    spec = importlib.util.spec_from_file_location("lowest_versions", ROOT / ".ci" / "lowest_versions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_has_a_lowest_version(lowest_versions):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = lowest_versions.lowest_versions(project)
    assert {"torch", "numpy", "s3fs", "pydantic", "mkdocs-material"} <= versions.keys()
    assert "pytest" not in versions
    assert f"torch>={versions['torch']}" in project["dependencies"]


def test_a_dependency_without_a_lowest_version_is_an_error(lowest_versions):
    def project(*dependencies: str) -> dict[str, object]:
        return {
            "name": "p",
            "dependencies": dependencies,
            "optional-dependencies": {"x": ["p[y]"], "dev": ["z"]},
        }

    assert lowest_versions.lowest_versions(project("a>=1.2", "b[c]>=3")) == {"a": "1.2", "b": "3"}
    for requirement in ("a", "a<2", "a>=1,<2", "a==1"):
        with pytest.raises(ValueError, match=f"'{requirement}' has no lower bound"):
            lowest_versions.lowest_versions(project(requirement))
    with pytest.raises(ValueError, match="a has the lower bounds 1 and 2"):
        lowest_versions.lowest_versions(project("a>=1", "a>=2"))

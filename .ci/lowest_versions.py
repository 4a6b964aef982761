"""Print constraints that pin each dependency of elmokit to the lowest version that pyproject.toml allows.

    python .ci/lowest_versions.py > constraints.txt

The core dependencies and those of every extra are pinned, except the development tools of the extra `dev`. A
requirement without a lower bound is an error, so that no dependency is left untested.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
_LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[[^]]*\])?>=(?P<version>[\w.]+)")


def lowest_versions(project: dict[str, Any]) -> dict[str, str]:
    """Return the lowest allowed version of each dependency, by its name.

    Args:
        project: The table `project` of a pyproject.toml.

    Raises:
        ValueError: A requirement has no lower bound, or two requirements give one package different ones.
    """
    requirements = list(project["dependencies"])
    for extra, members in project["optional-dependencies"].items():
        if extra != "dev":
            requirements += members
    versions: dict[str, str] = {}
    for requirement in requirements:
        if requirement.startswith(f"{project['name']}["):
            continue  # the extra of another extra
        bound = _LOWER_BOUND.fullmatch(requirement)
        if bound is None:
            raise ValueError(f"pyproject.toml: {requirement!r} has no lower bound: write it as NAME>=VERSION")
        name, version = bound["name"], bound["version"]
        if versions.setdefault(name, version) != version:
            raise ValueError(
                f"pyproject.toml: {name} has the lower bounds {versions[name]} and {version}: choose one"
            )
    return versions


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    for name, version in lowest_versions(project).items():
        print(f"{name}=={version}")

"""How this elmokit was installed, to say how to add to it."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def install_command(extra: str) -> str:
    """Return the shell command that adds an extra, from the working directory, to this installation.

    Args:
        extra: the name of a group of optional dependencies, such as ``plot``.
    """
    checkout = _checkout(_PACKAGE)
    if checkout is None:
        return f"{_installer()} install {_quoted(f'elmokit[{extra}]')}"
    place = "." if checkout == Path.cwd() else str(checkout)
    return f"{_installer()} install -e {_quoted(f'{place}[{extra}]')}"


def _checkout(package: Path) -> Path | None:
    """Return the root of the source tree that the package is run from; None for an installed package."""
    root = package.parent.parent
    return root if package.parent.name == "src" and (root / "pyproject.toml").is_file() else None


def _installer() -> str:
    """Return the program that installs packages: uv creates environments in which there is no pip."""
    if _has("pip"):
        return "pip"
    installer = distribution("elmokit").read_text("INSTALLER") if _has("elmokit") else None
    return "uv pip" if installer is not None and installer.strip() == "uv" else "pip"


def _has(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _quoted(requirement: str) -> str:
    """Quote for the shell: brackets are patterns in zsh; the shell of Windows has double quotes only."""
    if sys.platform == "win32":
        return f'"{requirement}"'
    return shlex.quote(requirement)

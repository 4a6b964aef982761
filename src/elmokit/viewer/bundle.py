"""Join the ES modules of the viewer to one script, for a page in a single file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)


def asset(name: str) -> str:
    """Return the content of a module or style sheet."""
    return files("elmokit.viewer").joinpath("assets", name).read_text(encoding="utf-8")


def asset_names() -> frozenset[str]:
    """Return the names of all modules and style sheets."""
    folder = files("elmokit.viewer").joinpath("assets")
    return frozenset(entry.name for entry in folder.iterdir() if entry.is_file())


@cache
def bundle(entry: str) -> str:
    """Return a module together with all that it imports, each once and before it is used.

    The modules import by name from each other only, and no two of them have a name of their own in common, so
    their texts can follow each other in one scope.
    """
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for imported in _IMPORT.findall(asset(name)):
                visit(imported)
            order.append(name)

    visit(entry)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", asset(name))) for name in order)

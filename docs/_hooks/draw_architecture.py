"""Draw the packages of elmokit and their imports, as found in the source.

    python docs/_hooks/draw_architecture.py        # writes docs/images/architecture.svg

A box is a package or a top-level module, with the first sentence of its docstring. An arrow points from a box
to what it imports, always further down; arrows that follow from other arrows are left out.
"""

from __future__ import annotations

import ast
import graphlib
import html
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "elmokit"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

# Almost everything imports these, so arrows to them would hide the others.
FOUNDATIONS = ("errors", "arguments", "files", "config", "alphabet", "batch")
LEFT_OUT = ("__init__", "__main__", "_moved", "_version")
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 204, 92, 24, 44
LINE_CHARACTERS = 29


def parts() -> dict[str, list[Path]]:
    """Return the files of each package and each top-level module, by name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name not in LEFT_OUT:
            found.setdefault(name, []).append(path)
    return found


def imports(files: list[Path], names: set[str]) -> set[str]:
    """Return the packages and modules that the files import, at the top or inside functions."""
    used: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in modules:
                root, _, rest = module.partition(".")
                if root == "elmokit" and rest.split(".")[0] in names:
                    used.add(rest.split(".")[0])
    return used


def summary(files: list[Path]) -> str:
    """Return the first sentence of the docstring of a package or module."""
    home = next((path for path in files if path.name == "__init__.py"), files[0])
    docstring = ast.get_docstring(ast.parse(home.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".").replace("``", "")


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """Return the row of each package or module, counted from the bottom."""
    found: dict[str, int] = {}
    for name in graphlib.TopologicalSorter(graph).static_order():
        found[name] = 1 + max((found[other] for other in graph[name]), default=-1)
    return found


def without_shortcuts(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph without the arrows that follow from others."""

    def reaches(start: str, goal: str) -> bool:
        return any(other == goal or reaches(other, goal) for other in graph[start])

    return {
        name: {
            other for other in used if not any(middle != other and reaches(middle, other) for middle in used)
        }
        for name, used in graph.items()
    }


def draw() -> str:
    """Return the drawing as SVG."""
    files = parts()
    graph = {name: imports(paths, set(files)) - {name} for name, paths in files.items()}
    graph["cli"].add("commands")  # imported by name, when a command is run
    above = {
        name: {other for other in used if other not in FOUNDATIONS}
        for name, used in graph.items()
        if name not in FOUNDATIONS
    }
    floor_of = {name: 1 + level for name, level in levels(above).items()}
    floors: list[list[str]] = [[] for _ in range(1 + max(floor_of.values()))]
    floors[0] = [name for name in FOUNDATIONS if name in files]
    for name in sorted(above):
        floors[floor_of[name]].append(name)
    width = max(map(len, floors)) * (BOX_WIDTH + GAP_X) + GAP_X
    height = len(floors) * (BOX_HEIGHT + GAP_Y) + GAP_Y
    places: dict[str, tuple[float, float]] = {}
    for number, floor in enumerate(floors):
        row_width = len(floor) * BOX_WIDTH + (len(floor) - 1) * GAP_X
        for k, name in enumerate(floor):
            x = (width - row_width) / 2 + k * (BOX_WIDTH + GAP_X)
            places[name] = (x, height - (number + 1) * (BOX_HEIGHT + GAP_Y))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif" aria-label="The packages of elmokit and their imports">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#78909c"/></marker></defs>',
    ]
    for name, used in sorted(without_shortcuts(above).items()):
        for other in sorted(used):
            (x, y), (other_x, other_y) = places[name], places[other]
            start, end = x + BOX_WIDTH / 2, other_x + BOX_WIDTH / 2
            top, bottom = y + BOX_HEIGHT, other_y - 2
            bend = GAP_Y * 0.8
            lines.append(
                f'<path d="M{start:g} {top:g} C{start:g} {top + bend:g} {end:g} {bottom - bend:g} '
                f'{end:g} {bottom:g}" fill="none" stroke="#78909c" stroke-width="1.4" '
                'marker-end="url(#tip)"/>'
            )
    for name, (x, y) in places.items():
        is_package = len(files[name]) > 1 or files[name][0].name == "__init__.py"
        fill = "#fff8e1" if name in FOUNDATIONS else "#e0f2f1" if is_package else "#e8eaf6"
        lines.append(
            f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{fill}" '
            'stroke="#455a64"/>'
        )
        title = f"{name}/" if is_package else f"{name}.py"
        lines.append(
            f'<text x="{x + 10:g}" y="{y + 22:g}" font-size="15" font-weight="600" fill="#102027">'
            f"{title}</text>"
        )
        wrapped = textwrap.wrap(summary(files[name]), LINE_CHARACTERS, max_lines=4, placeholder=" …")
        for k, line in enumerate(wrapped):
            lines.append(
                f'<text x="{x + 10:g}" y="{y + 40 + 14 * k:g}" font-size="11.5" fill="#37474f">'
                f"{html.escape(line)}</text>"
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")

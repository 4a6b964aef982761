"""Imports go only downward, every module imports, and the command line starts without torch."""

from __future__ import annotations

import ast
import graphlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import elmokit
from elmokit.cli import VERBS
from elmokit.errors import MissingExtraError

ROOT = Path(elmokit.__file__).parent

# Lowest first. Parts on one line may not import each other.
LAYERS = (
    ("_moved", "_version", "alphabet"),
    ("errors",),
    ("arguments",),
    ("batch", "kernels", "processes"),
    ("files",),
    ("config",),
    ("data", "model"),
    ("repository", "formats"),
    ("pretrained",),
    ("loading",),
    ("embedder", "elmo"),
    ("language_model", "training"),
    ("neighbors", "dialects", "downstream"),
    ("viewer",),
    ("visualize",),
    ("explorer", "integrations"),
    ("console",),
    ("commands",),
    ("cli",),
    ("__main__", ""),  # the empty name is elmokit/__init__.py: its public names are imported when used
)
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("elmokit", *parts)).removesuffix(".__init__")


MODULES = {_module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def _part(module: str) -> str:
    """The line of the table that a module belongs to: its file or package right below elmokit."""
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and name of every module of elmokit that a file imports, at its top or inside a function."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
                base = f"{above}.{base}".rstrip(".")
            # `from elmokit import atomic` imports a module, `from elmokit.errors import X` a name of one.
            names = [
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names
            ]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "elmokit")


def test_every_module_has_a_layer():
    parts = {_part(module) for module in MODULES}
    assert parts - LAYER_OF.keys() == set(), "place the new module in LAYERS"
    assert LAYER_OF.keys() - parts == set(), "remove the old module from LAYERS"


def test_no_modules_import_each_other_in_a_circle():
    """Imports under TYPE_CHECKING and inside functions count as well."""
    graph = {
        module: {name for _, name in _imports(path, module) if name not in (module, "elmokit")}
        for module, path in MODULES.items()
        if module != "elmokit"
    }
    try:
        order = list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("modules import each other in a circle: " + " → ".join(error.args[1]))
    assert set(graph) <= set(order)


def _upward(path: Path, module: str) -> list[str]:
    own = _part(module)
    return [
        f"{module}:{line} imports {name}"
        for line, name in _imports(path, module)
        if _part(name) != own and LAYER_OF[_part(name)] >= LAYER_OF[own]
    ]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_only_downward(module):
    assert _upward(MODULES[module], module) == []


@pytest.mark.parametrize(
    ("module", "statement", "is_upward"),
    [
        ("elmokit.data.read", "from elmokit.model.bilm import BiLM", True),
        ("elmokit.model.bilm", "import elmokit.data.read as text", True),
        ("elmokit.config.schema", "from elmokit import pretrained", True),
        ("elmokit.data.read", "from elmokit import ElmoEmbedder", True),
        ("elmokit.formats.checkpoint", "import elmokit", True),
        ("elmokit.files.atomic", "from elmokit.formats.bilm_hdf5 import read_weights", True),
        ("elmokit.config.schema", "def f():\n    from elmokit.cli import main", True),
        ("elmokit.data.read", "from ..model import bilm", True),
        ("elmokit.embedder", "from .training.evaluation import evaluate", True),
        ("elmokit.data.read", "from .vocabulary import BOS", False),
        ("elmokit.data.read", "from elmokit.files import atomic", False),
        ("elmokit.data.read", "import numpy", False),
    ],
)
def test_an_upward_import_is_seen(module, statement, is_upward, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(statement)
    assert bool(_upward(path, module)) == is_upward


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"elmokit.__main__"}))
def test_every_module_imports(module):
    try:
        found = importlib.import_module(module)
    except MissingExtraError as error:  # of the extra dev-large
        pytest.skip(str(error))
    except ModuleNotFoundError as error:
        if error.name != "triton" or not module.startswith("elmokit.kernels.cuda."):
            raise
        pytest.skip("Triton is for Linux only")
    assert found.__doc__, "a module says what it is for"


@pytest.mark.parametrize("name", elmokit.__all__)
def test_every_public_name_is_there(name):
    assert getattr(elmokit, name) is not None


def test_the_list_of_public_names_their_homes_and_what_type_checkers_see_agree():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == elmokit._HOMES
    assert sorted([*seen, "__version__"]) == elmokit.__all__ == dir(elmokit)
    for name, home in elmokit._HOMES.items():
        found = getattr(elmokit, name)
        assert found.__module__.startswith(home), "the table names where it is defined"


def test_every_verb_has_its_module():
    for module, _ in VERBS.values():
        assert module in MODULES


@pytest.mark.parametrize(
    "statements",
    [
        "import elmokit",
        "import sys; sys.argv = ['elmokit', '--version']; import elmokit.cli as c; c.main()",
        "import sys; sys.argv = ['elmokit', '--help']; import elmokit.cli as c; c.main()",
    ],
    ids=["import", "--version", "--help"],
)
def test_torch_is_not_imported_until_it_is_needed(statements):
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('heavy:', sorted({'torch', 'numpy', 'h5py'} & set(sys.modules))))\n"
        f"{statements}\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("heavy: []\n")
    assert result.stderr == ""
    if "--version" in statements:
        assert result.stdout.startswith(f"elmokit {elmokit.__version__}\n")

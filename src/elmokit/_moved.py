"""Names that version 0.1.0 had elsewhere, kept working for one version with a ``DeprecationWarning``.

``from elmokit.bundle.loading import load`` imports a module without content of its own; its names are looked
up where they are now.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED_MODULES: Mapping[str, tuple[str, ...]] = {
    "addresses": ("errors.addresses",),
    "archive": ("files.archive",),
    "atomic": ("files.atomic",),
    "bilm_options": ("config.bilm_options", "alphabet"),
    "bundle": (),
    "bundle.bilm_pair": ("formats.bilm_pair",),
    "bundle.bilm_run": ("formats.tensorflow.run",),
    "bundle.card": ("formats.model_card",),
    "bundle.directory": ("formats.model_directory",),
    "bundle.loading": ("loading",),
    "bundle.pretrained": ("pretrained",),
    "bundle.training_run": ("formats.training_run",),
    "bundle.vocabulary_rows": ("formats.vocabulary_rows",),
    "cache": ("files.cache",),
    "checked": ("arguments.hints",),
    "checkpoint": ("formats.checkpoint",),
    "commands.concordance": ("console.concordance",),
    "commands.inputs": ("console.inputs",),
    "commands.layers": ("console.layers",),
    "commands.restart": ("console.restart_options",),
    "commands.terminal": ("console.terminal",),
    "dialects.weight_layers": ("dialects.bilm.weight_layers",),
    "data.spelling": ("data.indexers",),
    "data.text": ("data.find", "data.read"),
    "download": ("repository.download",),
    "fetch": ("repository.fetch",),
    "formats.sorted_table": ("formats.tensorflow.sorted_table",),
    "formats.tensor_bundle": ("formats.tensorflow.tensor_bundle",),
    "hub": ("repository.hub",),
    "installation": ("errors.installation",),
    "interruption": ("processes.interruption",),
    "json_table": ("files.json_table",),
    "model.projected_lstm": ("model.lstm.interface", "model.lstm.layer"),
    "model.sentences": ("model.batching",),
    "overrides": ("config.overrides",),
    "shipped": ("repository.bundled",),
    "token_tables": ("embedder.token_tables",),
    "training.forward": ("model.dropout",),
    "training.restart": ("training.warm_start.restart",),
    "training.restart_report": ("training.warm_start.report",),
    "training.snapshot": ("training.state",),
    "training.transplant": ("training.warm_start.transplant",),
    "visualize.clusters": ("neighbors.clusters",),
    "visualize.cosine": ("neighbors.cosine",),
    "visualize.explorer": ("explorer",),
    "visualize.explorer.explorer": ("explorer.explorer", "explorer.explored_text"),
    "visualize.explorer.mixing": ("explorer.mixing",),
    "visualize.explorer.server": ("explorer.server",),
    "visualize.explorer.typed_text": ("explorer.typed_text",),
    "visualize.figure": ("visualize.figures",),
    "visualize.neighbor_files": ("neighbors.files", "neighbors.content", "neighbors.text_vectors"),
    "visualize.neighbors": ("neighbors.index", "neighbors.results", "neighbors.search"),
    "visualize.uses": ("data.occurrences",),
}
"""Old module → the modules that have its names now, without the leading ``elmokit.``."""

RENAMED: Mapping[str, str] = {
    "data.spelling.ByteSpeller": "data.indexers.CharacterIndexer",
    "data.spelling.Spelled": "data.indexers.TokenIds",
    "data.spelling.Speller": "data.indexers.Indexer",
    "data.spelling.WordSpeller": "data.indexers.WordIndexer",
    "training.forward.LanguageModelOutput": "model.bilm.BiLMOutput",
    "visualize.uses.Use": "data.occurrences.Occurrence",
    "visualize.uses.find_uses": "data.occurrences.find_occurrences",
    "visualize.uses.sample_uses": "data.occurrences.sample_occurrences",
    "visualize.uses.vectors_of": "visualize.occurrence_vectors.embed_occurrences",
}
"""Old name with its old module → new name with its new module, without the leading ``elmokit.``."""


def find_moved(old_module: str, name: str) -> Any:
    """Return what ``old_module.name`` has become, and warn with its new name.

    Raises:
        AttributeError: when there never was such a name.
    """
    if name.startswith("__"):  # what Python itself looks for in any module
        raise AttributeError(f"module 'elmokit.{old_module}' has no attribute {name!r}")
    renamed = RENAMED.get(f"{old_module}.{name}")
    candidates = [renamed] if renamed else [f"{module}.{name}" for module in MOVED_MODULES[old_module]]
    for candidate in candidates:
        module, _, attribute = candidate.rpartition(".")
        home = importlib.import_module(f"elmokit.{module}")
        if _defines(home, attribute):
            warnings.warn(
                f"elmokit.{old_module}.{name} is now elmokit.{candidate}; "
                "the old name will be removed in the next version",
                DeprecationWarning,
                stacklevel=3,
            )
            return getattr(home, attribute)
    raise AttributeError(f"module 'elmokit.{old_module}' has no attribute {name!r}")


def _defines(module: ModuleType, name: str) -> bool:
    """Return whether a module has a name that it does not itself import from elsewhere in elmokit."""
    if not hasattr(module, name):
        return False
    home = getattr(getattr(module, name), "__module__", None) or module.__name__
    return home == module.__name__ or not home.startswith("elmokit.")


class MovedModules(MetaPathFinder, Loader):
    """Finds the old modules and loads them as empty ones whose names are looked up by :func:`find_moved`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an old module, None for everything else."""
        package, _, name = fullname.partition(".")
        if package != "elmokit" or name not in MOVED_MODULES:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """Give an empty module its look-up."""
        old_module = module.__name__.removeprefix("elmokit.")
        module.__dict__["__getattr__"] = lambda name: find_moved(old_module, name)

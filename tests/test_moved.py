"""Old module paths and names keep working, with a warning that names the new ones."""

from __future__ import annotations

import importlib

import pytest

import elmokit
from elmokit._moved import MOVED_MODULES, RENAMED


@pytest.mark.parametrize("old", MOVED_MODULES)
def test_an_old_module_is_imported_and_its_names_are_found(old):
    module = importlib.import_module(f"elmokit.{old}")
    for new in MOVED_MODULES[old]:
        home = importlib.import_module(f"elmokit.{new}")
        names = [
            name
            for name, value in vars(home).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == home.__name__
        ]
        for name in names:
            with pytest.warns(
                DeprecationWarning, match=rf"elmokit\.{old}\.{name} is now elmokit\.{new}\.{name}"
            ):
                assert getattr(module, name) is getattr(home, name)


@pytest.mark.parametrize("old", RENAMED)
def test_a_renamed_name_is_found(old):
    old_module, _, old_name = old.rpartition(".")
    new_module, _, new_name = RENAMED[old].rpartition(".")
    module = importlib.import_module(f"elmokit.{old_module}")
    with pytest.warns(DeprecationWarning, match=rf"is now elmokit\.{RENAMED[old]};"):
        found = getattr(module, old_name)
    assert found is getattr(importlib.import_module(f"elmokit.{new_module}"), new_name)


def test_the_import_statement_of_old_code():
    with pytest.warns(DeprecationWarning, match="is now elmokit.loading.load") as record:
        from elmokit.bundle.loading import load  # type: ignore[import-not-found]
    assert load is elmokit.load
    assert record[0].filename == __file__


def test_a_name_that_never_was():
    module = importlib.import_module("elmokit.bundle.loading")
    with pytest.raises(AttributeError, match=r"module 'elmokit\.bundle\.loading' has no attribute 'nothing'"):
        _ = module.nothing
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("elmokit.bundle.nothing")


@pytest.mark.parametrize("old", elmokit._RENAMED)
def test_a_renamed_public_name(old):
    new = elmokit._RENAMED[old]
    with pytest.warns(DeprecationWarning, match=f"elmokit.{old} is now elmokit.{new}"):
        assert getattr(elmokit, old) is getattr(elmokit, new)

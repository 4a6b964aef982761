"""A model of ELMoForManyLangs to be damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from elmokit import load
from elmokit.errors import ModelFileError


@pytest.fixture
def model(golden: Path, tmp_path: Path) -> Path:
    """A copy of the variant with words and characters."""
    return Path(shutil.copytree(golden / "elmoformanylangs/words_and_characters", tmp_path / "model"))


@pytest.fixture
def load_error_or_none() -> Callable[[Path], str | None]:
    """What is wrong with a model; None when it can be loaded."""

    def load_error_or_none(directory: Path) -> str | None:
        try:
            load(directory)
        except ModelFileError as error:
            message = str(error)
        else:
            return None
        assert "\n" not in message
        return message

    return load_error_or_none


@pytest.fixture
def load_error(load_error_or_none: Callable[[Path], str | None]) -> Callable[[Path], str]:
    """What is wrong with a model that cannot be loaded."""

    def load_error(directory: Path) -> str:
        message = load_error_or_none(directory)
        assert message is not None
        return message

    return load_error

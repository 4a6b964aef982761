"""The page of error messages is made from the source, and what it explains is there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def index() -> ModuleType:
    """The hook that collects the messages."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "docs" / "_hooks" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_explained_message_is_in_the_source(index):
    texts = [message.text for message in index.messages()]
    explained = re.findall(r"^### `(.*)`$", PAGE, flags=re.MULTILINE)
    assert len(explained) > 25
    for heading in explained:
        pattern = ".*".join(re.escape(part.strip()) for part in heading.split("…"))
        assert any(re.search(pattern, text) for text in texts), heading


def test_messages_are_found_in_every_form(index):
    source = (
        'raise TextError(f"{path}:{number + 1}: the text is damaged: " + hint)\n'
        'raise MissingExtraError(f"reading {str(path)}", "zstd")\n'
        'warnings.warn(f"{len(words)} words are {self._share:.1%} of all", ElmokitWarning, stacklevel=2)\n'
        'warnings.warn("Corpus.place is now Corpus.location", DeprecationWarning, stacklevel=2)\n'
        'raise ConfigError(f"{a}: {b}")\n'
    )
    assert list(index._in_source(source)) == [
        ("TextError", "{path}:{number}: the text is damaged: {hint}"),
        ("MissingExtraError", "reading {path} needs an optional package: {install command}"),
        ("ElmokitWarning", "{words} words are {share} of all"),
    ]


def test_the_index_is_grouped_and_escaped(index):
    shown = index.index_in_markdown()
    with_messages = {message.area for message in index.messages()}
    assert set(re.findall("^### (.*)$", shown, flags=re.MULTILINE)) == with_messages
    assert {"Settings", "Training", "Commands"} <= with_messages
    assert "&lt;UNK&gt;" in shown
    assert "<UNK>" not in shown
    assert len(re.findall("^- <code>", shown, flags=re.MULTILINE)) == len(index.messages())


def test_every_kind_is_listed(index):
    table = index.kinds_in_markdown()
    assert "| `MissingConfigError` | `ValueError`, `FileNotFoundError` |" in table
    assert all(f"| `{name}` |" in table for name in index.KINDS)

"""A model directory of ELMoForManyLangs."""

from __future__ import annotations

from pathlib import Path

from elmokit.errors import MissingModelError
from elmokit.formats.elmoformanylangs.layout import EMBEDDER_FILE, ENCODER_FILE, layout_of
from elmokit.formats.elmoformanylangs.lists import CHARACTERS_FILE, WORDS_FILE, read_lexicon
from elmokit.formats.elmoformanylangs.pickled_tensors import read_tensors
from elmokit.formats.elmoformanylangs.settings import CONFIG_FILE, Settings
from elmokit.formats.stored import ReadRequest, StoredModel

DESCRIPTION = "an ELMoForManyLangs model"
HAS_SEPARATE_OPTIONS = False


def matches(path: Path) -> bool:
    """Return whether ``path`` is a directory with a file of tensors of such a model."""
    return any((path / name).is_file() for name in (EMBEDDER_FILE, ENCODER_FILE))


def read(path: Path, request: ReadRequest) -> StoredModel:
    """Read a model directory of ELMoForManyLangs.

    Args:
        path: the directory.
        request: has no effect: these models have neither options, nor a vocabulary, nor an optimizer's state.

    Raises:
        ModelFileError: when files are missing or damaged; all errors in the two lists are reported at once.
        ConfigError: when a setting is wrong.
    """
    settings = Settings.read(path)
    lists = []
    if settings.has_characters:
        lists.append(CHARACTERS_FILE)
    if settings.has_words:
        lists.append(WORDS_FILE)
    missing = [name for name in (*lists, EMBEDDER_FILE, ENCODER_FILE) if not (path / name).is_file()]
    if missing:
        raise MissingModelError(f"{path}: {', '.join(missing)}: no such file, expected beside {CONFIG_FILE}")
    lexicon = read_lexicon(path, lists, settings.max_characters)
    config = settings.to_config(lexicon)
    layout = layout_of(config)
    tensors, unread = read_tensors(path, (EMBEDDER_FILE, ENCODER_FILE))
    return StoredModel(
        path,
        config,
        None,
        tensors,
        layout,
        described_by=f"{settings.path.name} and the lists",
        unread=unread,
        lexicon=lexicon,
    )

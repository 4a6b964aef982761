"""The lists of characters and words, ``char.dic`` and ``word.dic``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from elmokit.data.lexicon import CHARACTER_SPECIALS, WORD_SPECIALS, Lexicon, id_problems
from elmokit.errors import ModelFileError

CHARACTERS_FILE, WORDS_FILE = "char.dic", "word.dic"

_SPECIALS = {CHARACTERS_FILE: CHARACTER_SPECIALS, WORDS_FILE: WORD_SPECIALS}
# Stripping a line may remove the entry itself; what is left is then taken for this one.
_SPACE = "\u3000"
_MAX_REPORTED = 5  # lines of a list


def read_lexicon(directory: Path, names: Sequence[str], max_characters: int) -> Lexicon:
    """Read the lists of a model.

    Args:
        directory: the model.
        names: which of the two lists the model uses.
        max_characters: the setting ``max_characters_per_token``.

    Raises:
        ModelFileError: when a list is damaged; all errors are reported at once.
    """
    problems: list[str] = []
    ids: dict[str, dict[str, int]] = {}
    for name in names:
        ids[name], own_problems = _read_list(directory / name, _SPECIALS[name])
        problems += [f"{name}: {problem}" for problem in own_problems]
    if problems:
        raise ModelFileError(f"{directory}: " + "; ".join(problems))
    return Lexicon(ids.get(CHARACTERS_FILE), ids.get(WORDS_FILE), max_characters)


def _read_list(path: Path, specials: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Return the entries of a list with their ids, parsed as ELMoForManyLangs does, and what is wrong."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        return {}, [f"cannot read: {error.strerror}"]
    except UnicodeDecodeError as error:
        return {}, [f"not valid UTF-8 at byte {error.start}"]
    ids: dict[str, int] = {}
    problems: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        fields = line.strip().split("\t")
        if len(fields) == 1:
            fields.insert(0, _SPACE)
        if len(fields) != 2 or not fields[1].isdecimal() or not fields[1].isascii():
            problems.append(f"line {number}: expected an entry, a tab and its id, got {line[:40]!r}")
            continue
        id_ = int(fields[1][:19])
        if ids.setdefault(fields[0], id_) != id_:
            problems.append(f"line {number}: {fields[0]!r} has the id {id_}, but {ids[fields[0]]} before")
    if len(problems) > _MAX_REPORTED:
        more = f"and {len(problems) - _MAX_REPORTED} more lines like these"
        problems = [*problems[:_MAX_REPORTED], more]
    return ids, problems or id_problems(ids, specials)

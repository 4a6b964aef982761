"""Choose fonts that can draw the words of any language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

MISSING = "□"
"""Replaces a character that no font has or that is invisible."""
_BASE = "DejaVu Sans"  # ships with Matplotlib
_NO_FONT = "Last Resort"  # draws a box with the name of its script for every character
_JOINERS = {
    "\u200c",
    "\u200d",
}  # invisible, but they shape adjacent letters, in Persian and Hindi for example


def choose_fonts(texts: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Choose font families that together cover the characters of some texts.

    Args:
        texts: the texts to draw.

    Returns:
        Font families, to be tried in this order for each character, and the characters that no installed font
        has or that are invisible, for example tabs.
    """
    from matplotlib import font_manager, ft2font

    def characters_of(path: str) -> set[str]:
        return {chr(code) for code in ft2font.FT2Font(path).get_charmap()}

    needed = set("".join(texts)) - _JOINERS
    missing = {character for character in needed if not character.isprintable()}
    base = characters_of(font_manager.findfont(_BASE, fallback_to_default=False))
    families, wanted = [_BASE], needed - missing - base
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if not wanted:
            break
        if entry.name in families or entry.style != "normal" or entry.name.startswith(_NO_FONT):
            continue
        try:
            found = wanted & characters_of(entry.fname)
        except (OSError, RuntimeError):  # the font file is gone or damaged
            continue
        if found:
            families.append(entry.name)
            wanted -= found
    return families, frozenset(missing | wanted)


def replace_missing(text: str, missing: frozenset[str]) -> str:
    """Replace every missing character of a text by a box."""
    return "".join(MISSING if character in missing else character for character in text)


def scripts_of(characters: Iterable[str]) -> list[str]:
    """Name the scripts of some characters, for example ``CJK`` and ``Devanagari``; in alphabetic order."""
    return sorted({_script(character) for character in characters}, key=str.lower)


def _script(character: str) -> str:
    """Return the first word of a character's name in Unicode: that of its script, if it is a letter."""
    name, category = unicodedata.name(character, ""), unicodedata.category(character)
    if not name:
        return f"U+{ord(character):04X}"
    if name.startswith("COMBINING"):
        return "combining marks"
    if category[0] not in "LM":
        return "emoji and symbols"
    script = name.split()[0]
    return script if script == "CJK" else script.capitalize()

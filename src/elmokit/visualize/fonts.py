"""Fonts of a picture that can write the words of any language."""

from __future__ import annotations

from collections.abc import Iterable

MISSING = "□"
"""Stands for a character that no font has, and for one that cannot be seen."""
_BASE = "DejaVu Sans"  # comes with Matplotlib
_NO_FONT = "Last Resort"  # has a box with the name of its script for every character
_JOINERS = {"\u200c", "\u200d"}  # shape the letters beside them, in Persian and Hindi for example


def choose_fonts(texts: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Font families that together have the characters of some texts.

    Args:
        texts: what is to be written.

    Returns:
        Families, to be tried in this order for each character, and the characters that none of the installed
        fonts has or that cannot be seen, such as a tab.
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
        except (OSError, RuntimeError):  # a font that has gone or is damaged
            continue
        if found:
            families.append(entry.name)
            wanted -= found
    return families, frozenset(missing | wanted)


def writable(text: str, missing: frozenset[str]) -> str:
    """A text with a box for every character that is missing."""
    return "".join(MISSING if character in missing else character for character in text)

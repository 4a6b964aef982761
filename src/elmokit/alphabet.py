"""The symbols of the character encoder.

Symbols 0 to 255 are the bytes of a word in UTF-8; the others are below.
"""

BEGIN_SENTENCE, END_SENTENCE, BEGIN_WORD, END_WORD, PADDING = 256, 257, 258, 259, 260

NUM_CHARACTER_SYMBOLS = 261
"""The bytes and the five symbols above: rows of the character embedding."""

MASK_SYMBOL = NUM_CHARACTER_SYMBOLS
"""Stands at every position of a padding token; its embedding is zero and not stored."""

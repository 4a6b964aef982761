"""The symbols of the character encoder.

Symbols 0 to 255 are the bytes of a word in UTF-8; the others are defined below.
"""

BEGIN_SENTENCE, END_SENTENCE, BEGIN_WORD, END_WORD, PADDING = 256, 257, 258, 259, 260

NUM_CHARACTER_SYMBOLS = 261
"""Number of rows of the character embedding: the bytes and the five symbols above."""

MASK_SYMBOL = NUM_CHARACTER_SYMBOLS
"""Symbol at every position of a padding token; its embedding is zero and not stored."""

"""The questions of the page, checked: what arrives is plain JSON from anywhere on this machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from elmokit.explorer.typed_text import MAX_TOKENS, Sentences

MAX_TEXT = 1_000_000
"""Maximum number of characters of a text."""
# A browser can send half a surrogate pair, which no encoding can represent.
_Text = Annotated[
    str,
    BeforeValidator(
        lambda text: text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else text
    ),
]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Question(BaseModel):
    """A question; keys that it does not have are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AboutQuestion(Question):
    """Which models are there?"""


class TextQuestion(Question):
    """What are the sentences and tokens of a text, and of a second one?"""

    text: _Text = Field(max_length=MAX_TEXT)
    second: _Text = Field(default="", max_length=MAX_TEXT)
    """A text to compare with, or nothing."""
    tokenize: bool | None = None
    """Whether to split punctuation from words; None to do so if the text looks untokenized."""


class SentencesQuestion(Question):
    """A question about sentences."""

    model: int = Field(default=0, ge=0)
    sentences: list[list[_Text]] = Field(min_length=1, max_length=MAX_TOKENS)

    @property
    def tokens(self) -> Sentences:
        """The sentences, as the explorer takes them."""
        return tuple(tuple(sentence) for sentence in self.sentences)


class WordsQuestion(SentencesQuestion):
    """How surprising is each word, and is it in the vocabulary?"""


class MapQuestion(SentencesQuestion):
    """Where do the words lie?"""

    method: Literal["pca", "tsne"] = "pca"
    weights: list[_Finite] | None = None
    """Weights of a mix of layers; None for each layer by itself."""


class WordQuestion(SentencesQuestion):
    """What is known about one word?"""

    index: int = Field(ge=0)
    weights: list[_Finite]


class MovedQuestion(SentencesQuestion):
    """Which words moved between the first model and the second?"""

    weights: tuple[list[_Finite], list[_Finite]] = Field(strict=False)
    """The mix of layers of each model."""


class DifferencesQuestion(SentencesQuestion):
    """How differently are words used in two texts?"""

    num_first: int = Field(ge=1)
    """The number of sentences of the first text, which come first."""
    index: int = Field(ge=0)
    """The word to tell more about."""
    weights: list[_Finite]


class SaveQuestion(SentencesQuestion):
    """What is the map as one file?"""

    method: Literal["pca", "tsne"] = "pca"
    layer: int = Field(default=0, ge=0)
    num_first: int | None = Field(default=None, ge=1)
    """The number of sentences of the first text, if there are two."""
    index: int = Field(default=0, ge=0)
    """The word whose occurrences in the two texts are compared."""

"""elmokit substitutes: predict a word of a sentence from its context."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs
from elmokit.console.models import GivenModel, device_option, takes_model
from elmokit.console.modes import json_option, wants_json
from elmokit.console.options import num_results_option
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, verb
from elmokit.data.read import read_sentences
from elmokit.errors import ConfigError, TextError
from elmokit.files.home import expanded


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    if values.keys() >= {"word", "position"} and (values["word"] is None) == (values["position"] is None):
        yield "expected either --word or --position"


@verb("substitutes")
@checked(_check)
@takes_model()
@click.argument("sentence")
@click.option("--word", help="The word to replace; if it occurs several times, its first occurrence.")
@click.option(
    "--position",
    type=int,
    help="The position of the word: 0 is the first token, -1 the last.",
)
@num_results_option
@json_option
@device_option
@threads_option
def command(
    model: GivenModel,
    sentence: str,
    word: str | None,
    position: int | None,
    k: int,
    device: str,
) -> None:
    """Print what the language model predicts in place of a word of SENTENCE.

    There are three lists, with probabilities: predictions from both sides, from the words before, and from
    the words after. SENTENCE is tokenized; - reads it from the
    standard input. MODEL is anything that `elmokit info` accepts; it must include a softmax.

    \b
    Example:
      elmokit substitutes model "we must fight this war together" --word war
    """
    tokens = _tokens(sentence)
    if word is not None:
        if word not in tokens:
            raise ConfigError(
                f"--word {word}: not a token of the sentence: {' '.join(tokens)}{_hint(word, tokens)}"
            )
        position = tokens.index(word)
    assert position is not None
    pretrained = model.load(softmax=True)
    from elmokit.language_model import LanguageModel

    found = LanguageModel(pretrained, device=device).substitutes(tokens, position, k)
    if wants_json():
        terminal.say(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
        return
    marked = list(tokens)
    marked[position] = f"[{marked[position]}]"
    terminal.say(" ".join(marked))
    columns = [("before", found.forward)]
    if found.backward:
        columns = [("both", found.combined), *columns, ("after", found.backward)]
    terminal.say("".join(f"{title:<32}" for title, _ in columns).rstrip())
    for row in itertools.zip_longest(*(candidates for _, candidates in columns)):
        cells = (
            "" if candidate is None else f"{math.exp(candidate.log_probability):7.2%} {candidate.word[:22]}"
            for candidate in row
        )
        terminal.say("".join(f"{cell:<32}" for cell in cells).rstrip())


def _hint(word: str, tokens: list[str]) -> str:
    """Return what may be wrong if a word is no token of a sentence."""
    if len(tokens) == 1 and expanded(tokens[0]).is_file():
        return f": {tokens[0]} is a file, expected the sentence itself, or - and the sentence piped in"
    longer = next((token for token in tokens if word in token), None)
    return "" if longer is None else f": tokens are separated by spaces, so {longer!r} is one"


def _tokens(sentence: str) -> list[str]:
    """Return the tokens of a sentence, or of the one sentence of the standard input."""
    if sentence != "-":
        return sentence.split()
    (file,) = find_inputs([sentence])
    sentences = [tokens for tokens in read_sentences(file) if tokens]
    if len(sentences) != 1:
        raise TextError(f"-: expected one sentence on the standard input, got {len(sentences)}")
    return sentences[0]

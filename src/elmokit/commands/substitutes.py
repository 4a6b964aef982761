"""elmokit substitutes: predict a word of a sentence from its context."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import click

from elmokit.console import terminal
from elmokit.console.models import device_option, takes_model
from elmokit.console.options import json_option, num_results_option
from elmokit.errors import ConfigError
from elmokit.language_model import LanguageModel
from elmokit.pretrained import PretrainedModel


@click.command("substitutes")
@takes_model(softmax=True)
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
def command(
    pretrained: PretrainedModel,
    sentence: str,
    word: str | None,
    position: int | None,
    k: int,
    as_json: bool,
    device: str,
) -> None:
    """Print what the language model predicts in place of a word of SENTENCE.

    There are three lists, with probabilities: predictions from both sides, from the words before, and from
    the words after. MODEL is anything that `elmokit info` accepts; it must include a softmax.

    \b
    Example:
      elmokit substitutes model "we must fight this war together" --word war
    """
    tokens = sentence.split()
    if (word is None) == (position is None):
        raise click.UsageError("expected either --word or --position", click.get_current_context())
    if word is not None:
        if word not in tokens:
            raise ConfigError(f"--word {word}: not a token of the sentence: {' '.join(tokens)}")
        position = tokens.index(word)
    assert position is not None
    found = LanguageModel(pretrained, device=device).substitutes(tokens, position, k)
    if as_json:
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

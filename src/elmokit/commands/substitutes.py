"""elmokit substitutes: what else could stand at a place of a sentence."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import click

from elmokit.console import terminal
from elmokit.console.models import device_option, takes_model
from elmokit.errors import ConfigError
from elmokit.language_model import LanguageModel
from elmokit.pretrained import PretrainedModel


@click.command("substitutes")
@takes_model(softmax=True)
@click.argument("sentence")
@click.option("--word", help="The word to replace; its first occurrence.")
@click.option("--position", type=int, help="Or its place: 0 is the first token, -1 the last.")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Candidates.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
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
    """What the language model would put in the place of a word of SENTENCE.

    Three lists with their probabilities: from both sides together, from what stands before, and from
    what stands after. MODEL is anything that `elmokit info` reads, with its softmax.

    \b
    Example:
      elmokit substitutes model "we must fight this war together" --word war
    """
    tokens = sentence.split()
    if (word is None) == (position is None):
        raise click.UsageError("expected --word or --position, one of them", click.get_current_context())
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

"""elmokit score: compute the pseudo-perplexity of each sentence of a text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs, text_inputs
from elmokit.console.models import GivenModel, batch_size_option, device_option, takes_model
from elmokit.console.modes import json_option, wants_json
from elmokit.console.text_form import MANY_UNKNOWN, warn_of_form
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, verb
from elmokit.data.read import read_lines, total_bytes

if TYPE_CHECKING:
    from elmokit.language_model import SentenceScore

_HEADER = "perplexity\tforward\tbackward\tsentence"
_TOKEN_HEADER = "sentence\ttoken\tforward\tbackward\tunknown"


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    if values.get("by_token") and wants_json():
        yield "expected --tokens or --json, not both"


@verb("score")
@checked(_check)
@takes_model()
@text_inputs
@click.option("--tokens", "by_token", is_flag=True, help="Print one line per token, not per sentence.")
@click.option("--no-header", is_flag=True, help="Do not print the names of the columns first.")
@json_option
@batch_size_option
@device_option
@threads_option
def command(
    model: GivenModel,
    inputs: tuple[str, ...],
    more_inputs: tuple[str, ...],
    by_token: bool,
    no_header: bool,
    batch_size: int,
    device: str,
) -> None:
    """Compute the pseudo-perplexity of every sentence under the language model.

    Prints a header, then one line for each line of the text: the pseudo-perplexity, the forward and the
    backward log-probability of the sentence (natural logarithms), and the sentence. With --tokens, each line
    has the sentence number, a token, log p(token | left context) and log p(token | right context); a token
    outside the vocabulary is scored as <UNK> and marked. With --json, the scores of sentences and tokens are
    printed together. Every sentence starts from a zero state. MODEL is anything that `elmokit info` accepts,
    and needs its softmax.

    \b
    Example:
      elmokit score model sentences.txt
    """
    paths = find_inputs([*inputs, *more_inputs])
    warn_of_form(paths)
    pretrained = model.load(softmax=True)
    from elmokit.language_model import LanguageModel

    language_model = LanguageModel(pretrained, device=device)
    num_tokens, num_unknown = 0, 0
    with terminal.progress_bar("scoring", total_bytes(paths), "B") as bar:
        lines = (line for path in paths for line in read_lines(path, bar.update))
        for number, score in enumerate(language_model.score(lines, batch_size=batch_size), start=1):
            num_tokens += len(score.tokens)
            num_unknown += sum(score.is_unknown)
            if number == 1 and not (no_header or wants_json()):
                terminal.say(_TOKEN_HEADER if by_token else _HEADER)
            if wants_json():
                terminal.say(json.dumps(_as_dict(score), ensure_ascii=False))
            elif by_token:
                for row in _token_rows(number, score):
                    terminal.say(row)
            else:
                backward = "" if score.backward is None else f"{score.backward.sum():.3f}"
                terminal.say(
                    f"{score.perplexity:.2f}\t{score.forward.sum():.3f}\t{backward}\t{' '.join(score.tokens)}"
                )
    if num_unknown > MANY_UNKNOWN * num_tokens:
        terminal.warn(
            f"{num_unknown / num_tokens:.0%} of the tokens are <UNK> to this model, which makes perplexity "
            "misleadingly low: is it a model of this language and of text like this?"
        )


def _token_rows(number: int, score: SentenceScore) -> Iterator[str]:
    """Yield a row for each token with its log-probability in each direction, sentence markers included."""
    columns = [("<S>", None, None if score.backward is None else score.backward[0], False)]
    for k, token in enumerate(score.tokens):
        backward = None if score.backward is None else score.backward[k + 1]
        columns.append((token, score.forward[k], backward, score.is_unknown[k]))
    columns.append(("</S>", score.forward[-1], None, False))
    for token, left, right, is_unknown in columns:
        numbers = "\t".join("" if value is None else f"{value:.4f}" for value in (left, right))
        yield f"{number}\t{token}\t{numbers}" + ("\t<UNK>" if is_unknown else "")


def _as_dict(score: SentenceScore) -> dict[str, object]:
    perplexity = score.perplexity
    return {
        "tokens": score.tokens,
        "is_unknown": score.is_unknown,
        "forward": score.forward.tolist(),
        "backward": None if score.backward is None else score.backward.tolist(),
        "perplexity": perplexity if math.isfinite(perplexity) else None,
    }

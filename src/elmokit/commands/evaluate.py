"""elmokit evaluate: perplexity of a trained biLM on a text."""

from __future__ import annotations

import json

import click

from elmokit.bundle.pretrained import PretrainedModel
from elmokit.commands import terminal
from elmokit.commands.models import device_option, takes_model
from elmokit.data.corpus import Corpus, prepare_corpus
from elmokit.data.text import find_texts
from elmokit.model.device import find_device
from elmokit.training.evaluation import Evaluation, bilm_perplexity, evaluate


@click.command("evaluate")
@takes_model(option="--save-dir", softmax=True)
@click.option(
    "--test-prefix",
    "test_prefixes",
    metavar="TEXT",
    required=True,
    multiple=True,
    help="Text to predict: file, glob in quotes, directory or URL. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option(
    "--bilm-compatible", is_flag=True, help="Also the figure of bilm-tf, which depends on --batch-size."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Lanes of --bilm-compatible; the other figures do not depend on it.",
)
@device_option
def command(
    pretrained: PretrainedModel,
    test_prefixes: tuple[str, ...],
    as_json: bool,
    bilm_compatible: bool,
    batch_size: int,
    device: str,
) -> None:
    """Perplexity with the full softmax, every token counted once, both directions and their mean.

    The share of <UNK> is printed beside it, and the perplexity over the words that are in the
    vocabulary: a small vocabulary makes perplexity look good. Of a training run, the best checkpoint is
    taken.

    \b
    Example:
      elmokit evaluate --save-dir model --test-prefix text/heldout.txt.gz
    """
    vocabulary = pretrained.require_softmax()
    pretrained.model.to(find_device(device))
    corpus = prepare_corpus(find_texts(test_prefixes))
    with terminal.progress_bar("evaluating", corpus.num_tokens + corpus.num_sentences, "tok") as bar:
        evaluation = evaluate(pretrained.model, corpus, vocabulary, on_tokens=bar.update)
    compatible = None
    if bilm_compatible:
        with terminal.progress_bar("as bilm-tf", corpus.num_tokens + len(corpus.offsets) - 1, "tok") as bar:
            compatible = bilm_perplexity(
                pretrained.model, corpus, vocabulary, batch_size=batch_size, on_tokens=bar.update
            )
    if as_json:
        extra = {} if compatible is None else {"bilm_perplexity": compatible, "bilm_batch_size": batch_size}
        terminal.say(json.dumps(evaluation.as_dict() | extra))
        return
    _print(evaluation, corpus)
    if compatible is not None:
        terminal.say(f"as bilm-tf reports it   {compatible:10.2f}   (batch size {batch_size})")


def _print(evaluation: Evaluation, corpus: Corpus) -> None:
    terminal.say(
        f"{evaluation.num_tokens:,} tokens in {corpus.num_sentences:,} sentences, "
        f"{evaluation.unk_share:.2%} <UNK>"
    )
    terminal.say(f"perplexity              {evaluation.perplexity:10.2f}   (mean of the directions)")
    terminal.say(f"  forward               {evaluation.forward:10.2f}")
    if evaluation.backward is not None:
        terminal.say(f"  backward              {evaluation.backward:10.2f}")
    terminal.say(f"  in-vocabulary words   {evaluation.in_vocabulary_perplexity:10.2f}")

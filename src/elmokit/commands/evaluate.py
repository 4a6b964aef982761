"""elmokit evaluate: perplexity of trained biLMs on a text, or on an old and a new one side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs
from elmokit.console.models import GivenModel, ModelName, device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, missing, verb
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors.addresses import without_secrets

if TYPE_CHECKING:
    from elmokit.data.corpus import Corpus
    from elmokit.pretrained import PretrainedModel
    from elmokit.training.evaluation import Evaluation


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    if not (models := [*(values.get("models") or ()), *(values.get("old_models") or ())]):
        yield missing("models")
    several = len(models) > 1 or values.get("old_test_prefixes") or values.get("fixed_vocab_file")
    if several and values.get("bilm_compatible"):
        yield "--bilm-compatible works with one model and one text only, without --fixed-vocab-file"


@verb("evaluate")
@checked(_check)
@click.argument("models", metavar="MODEL...", nargs=-1, type=ModelName("--test-prefix"))
@click.option(
    "--save-dir",
    "old_models",
    metavar="MODEL",
    multiple=True,
    type=ModelName(),
    help="The same as MODEL. May be repeated.",
)
@click.option(
    "--input",
    "--test-prefix",
    "test_prefixes",
    metavar="TEXT",
    required=True,
    multiple=True,
    help="Text to predict: file, glob in quotes, directory, URL, or - for the standard input. "
    "May be repeated.",
)
@click.option(
    "--old-test-prefix",
    "old_test_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Text of the domain that the model was first trained on, to measure what it has forgotten.",
)
@click.option(
    "--fixed-vocab-file",
    metavar="FILE",
    help="Vocabulary to evaluate all models on, instead of their own.  [default: the words that all share]",
)
@json_option
@click.option(
    "--bilm-compatible", is_flag=True, help="Also print bilm-tf's perplexity, which depends on --batch-size."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Batch rows of --bilm-compatible; the other results do not depend on it.",
)
@click.option(
    "--options-file", metavar="FILE", help="options.json of the model, if it is not next to its weights."
)
@click.option(
    "--vocab-file", metavar="FILE", help="Vocabulary of the model, if it is not next to its weights."
)
@device_option
@threads_option
def command(
    models: tuple[str, ...],
    old_models: tuple[str, ...],
    test_prefixes: tuple[str, ...],
    old_test_prefixes: tuple[str, ...],
    fixed_vocab_file: str | None,
    bilm_compatible: bool,
    batch_size: int,
    options_file: str | None,
    vocab_file: str | None,
    device: str,
    threads: int | None,
) -> None:
    """Compute perplexity with the full softmax, for each direction and their mean.

    Each token is scored once. The share of <UNK> and the perplexity over the words in the vocabulary are
    printed as well, because a small vocabulary makes perplexity look good. For a training run, the best
    checkpoint is evaluated.

    With several models, or an old text as well as a new one, the results are printed as a table, over one
    fixed vocabulary. The words that a model does not know share the probability of its <UNK> evenly.

    \b
    Example:
      elmokit evaluate model --test-prefix text/heldout.txt.gz
      elmokit evaluate model new-model --test-prefix new/heldout.txt \\
          --old-test-prefix text/heldout.txt.gz
    """
    models += old_models
    is_comparison = len(models) > 1 or old_test_prefixes or fixed_vocab_file is not None
    fixed = None if fixed_vocab_file is None else Vocabulary.load(fixed_vocab_file)
    files = {"text": find_inputs(test_prefixes, "heldout")}
    if old_test_prefixes:
        files = {"new text": files["text"], "old text": find_inputs(old_test_prefixes, "heldout")}
    loaded: dict[str, PretrainedModel] = {}
    for model in models:
        pretrained = GivenModel(model, options_file, vocab_file, threads).load(softmax=True)
        pretrained.require_softmax()
        from elmokit.model.device import find_device

        loaded[model] = dataclasses.replace(pretrained, model=pretrained.model.on(find_device(device)))
    texts = {name: prepare_corpus(paths) for name, paths in files.items()}
    if is_comparison:
        if fixed is None:
            from elmokit.training.fixed_vocabulary import common_vocabulary

            fixed = common_vocabulary([pretrained.require_softmax() for pretrained in loaded.values()])
        _compare(loaded, texts, fixed)
        return
    (pretrained,), (corpus,) = loaded.values(), texts.values()
    _warn_of_training_text(pretrained, corpus)
    evaluation = _evaluate(pretrained, corpus, "evaluating")
    compatible = None
    if bilm_compatible:
        from elmokit.training.bilm_perplexity import bilm_perplexity

        with terminal.progress_bar("as bilm-tf", corpus.num_tokens + corpus.num_lines, "tok") as bar:
            compatible = bilm_perplexity(
                pretrained.model,
                corpus,
                pretrained.require_softmax(),
                batch_size=batch_size,
                on_tokens=bar.update,
            )
    if wants_json():
        extra = {} if compatible is None else {"bilm_perplexity": compatible, "bilm_batch_size": batch_size}
        terminal.say(json.dumps(evaluation.as_dict() | extra))
        return
    _print(evaluation, corpus)
    if compatible is not None:
        terminal.say(f"as bilm-tf reports it   {compatible:10.2f}   (batch size {batch_size})")


def _warn_of_training_text(pretrained: PretrainedModel, corpus: Corpus) -> None:
    """Say how much of the text the model was trained on, if its training text is still prepared."""
    from elmokit.training.run_directory import training_text_of
    from elmokit.training.text_checks import repeated_share

    training = training_text_of(pretrained.source)
    if training is None:
        return
    repeated, share = repeated_share(corpus, training)
    if repeated:
        terminal.warn(
            f"{terminal.counted(repeated, 'sentence')} of this text ({share:.1%}) also occur in the text "
            f"that {pretrained.source} was trained on"
        )


def _evaluate(
    pretrained: PretrainedModel, corpus: Corpus, description: str, fixed: Vocabulary | None = None
) -> Evaluation:
    from elmokit.training.evaluation import evaluate

    with terminal.progress_bar(description, corpus.num_tokens + corpus.num_sentences, "tok") as bar:
        return evaluate(
            pretrained.model,
            corpus,
            pretrained.require_softmax(),
            fixed_vocabulary=fixed,
            on_tokens=bar.update,
        )


def _print(evaluation: Evaluation, corpus: Corpus) -> None:
    terminal.say(
        f"{terminal.counted(evaluation.num_tokens, 'token')} in "
        f"{terminal.counted(corpus.num_sentences, 'sentence')}, "
        f"{evaluation.unk_share:.2%} <UNK>"
    )
    terminal.say(f"perplexity              {evaluation.perplexity:10.2f}   (mean of the directions)")
    terminal.say(f"  forward               {evaluation.forward:10.2f}")
    if evaluation.backward is not None:
        terminal.say(f"  backward              {evaluation.backward:10.2f}")
    terminal.say(f"  in-vocabulary words   {evaluation.in_vocabulary_perplexity:10.2f}")


def _compare(models: Mapping[str, PretrainedModel], texts: Mapping[str, Corpus], fixed: Vocabulary) -> None:
    """A row for each model, a column for each text."""
    names = {model: without_secrets(model) for model in models}
    evaluations = {
        (model, text): _evaluate(pretrained, corpus, f"{names[model]}, {text}", fixed)
        for model, pretrained in models.items()
        for text, corpus in texts.items()
    }
    if wants_json():
        for (model, text), evaluation in evaluations.items():
            about = {"model": names[model], "text": text, "num_words": len(fixed)}
            terminal.say(json.dumps(about | evaluation.as_dict()))
        return
    for text, corpus in texts.items():
        evaluation = next(found for (_, name), found in evaluations.items() if name == text)
        terminal.say(
            f"{text}: {terminal.counted(evaluation.num_tokens, 'token')} in "
            f"{terminal.counted(corpus.num_sentences, 'sentence')}, "
            f"{evaluation.unk_share:.2%} <UNK>"
        )
    terminal.say(f"perplexity over a fixed vocabulary of {len(fixed):,} words (mean of the directions)")
    width = max(map(len, names.values()))
    terminal.say(" ".join([" " * width, *(f"{text:>12}" for text in texts)]))
    for model in models:
        figures = (f"{evaluations[model, text].perplexity:12.2f}" for text in texts)
        terminal.say(" ".join([f"{names[model]:<{width}}", *figures]))

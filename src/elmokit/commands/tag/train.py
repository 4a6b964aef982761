"""elmokit tag train: train a sequence tagger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.downstream import (
    embedding_options,
    given_embeddings,
    setting_rows,
    stray_arguments,
    vector_settings,
)
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.outputs import takes_output
from elmokit.console.tagging import (
    column_option,
    format_option,
    read_data,
    report_lines,
    tokens_and_tags,
    warn_of_faults,
)
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import checked, verb
from elmokit.errors import ConfigError

if TYPE_CHECKING:
    from elmokit.downstream.fitting import Epoch
    from elmokit.downstream.tagging.layouts import TaggedSentence
    from elmokit.downstream.tagging.tagger import SequenceTagger

_FLAGS = ("elmo_at_output", "fine_tune")


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    yield from stray_arguments(values, ("train", "dev", "test"))
    files = [values[name] for name in ("train", "dev", "test") if values.get(name) is not None]
    if len(set(files)) < len(files):
        yield "--train, --dev and --test are different data: the same file is given twice"
    if files.count("-") > 1:
        yield "the standard input is given twice"


def _setting_sections() -> list[tuple[str, list[tuple[str, str]]]]:
    from elmokit.downstream.embeddings.vector_settings import VectorSettings
    from elmokit.downstream.tagging.settings import TaggerSettings

    rows = [row for row in setting_rows(TaggerSettings) if row[0].partition("=")[0] not in _FLAGS]
    return [
        ("Settings", rows),
        ("Settings of word2vec and fastText", setting_rows(VectorSettings, "vectors.")),
    ]


@verb("train", describe_more=_setting_sections)
@checked(_check)
@click.option("--train", "train", metavar="FILE", required=True, help="Tagged text to train on.")
@click.option(
    "--dev", "dev", metavar="FILE", required=True, help="Tagged text that decides when training stops."
)
@click.option(
    "--test", "test", metavar="FILE", help="Tagged text to evaluate on in the end, which decides nothing."
)
@takes_output("Directory of the tagger.")
@embedding_options
@format_option(plain=False)
@column_option
@click.option(
    "--scheme",
    type=click.Choice(["BIO", "BIOES"], case_sensitive=False),
    help="Scheme of the tags of spans that are predicted.  [default: that of the data]",
)
@click.option(
    "--elmo-at-output", is_flag=True, help="Also add ELMo, with its own mixture, to the output of the biLSTM."
)
@click.option("--fine-tune", is_flag=True, help="Train the biLM too. Slow: its vectors are not kept.")
@click.option("--seed", type=click.IntRange(min=0), help="The same as seed=N.")
@json_option
@device_option
@threads_option
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def command(
    train: str,
    dev: str,
    test: str | None,
    output: Path,
    embedding: str,
    embedding_text: tuple[str, ...],
    layout: str | None,
    column: str | None,
    scheme: str | None,
    elmo_at_output: bool,
    fine_tune: bool,
    seed: int | None,
    device: str,
    threads: int | None,
    overrides: tuple[str, ...],
) -> None:
    """Train a biLSTM-CRF on tagged text.

    Files are CoNLL-U, columns as of CoNLL-2003, or a token and a tag a line, with an empty line after each
    sentence. Training stops early, and the best epoch is chosen, by the score on --dev: the F1 of spans if
    the tags are BIO or BIOES, else accuracy. Change settings with KEY=VALUE.

    \b
    Example:
      elmokit tag train --train train.conllu --dev dev.conllu --embedding elmo:small -o tagger
      elmokit tag train --train ner.train --dev ner.dev --test ner.test --scheme BIOES \\
          --embedding elmo:small+word2vec --embedding-text text.txt -o tagger hidden_dim=200
    """
    data = {
        name: read_data(path, layout, column)
        for name, path in (("train", train), ("dev", dev), ("test", test))
        if path is not None
    }
    _refuse_same(data)
    _refuse_single_tag(data["train"])
    for own in data.values():
        warn_of_faults(own)
    from elmokit.config.overrides import section_with
    from elmokit.downstream.saved import refuse_to_replace
    from elmokit.downstream.tagging.settings import TaggerSettings
    from elmokit.downstream.tagging.tagger import SequenceTagger

    refuse_to_replace(output, "tagger")
    flags = {"elmo_at_output": elmo_at_output, "fine_tune": fine_tune}
    more = [f"{name}=true" for name, is_set in flags.items() if is_set]
    if seed is not None:
        more.append(f"seed={seed}")
    of_tagger, of_vectors = vector_settings(overrides)
    settings = section_with(TaggerSettings, [*of_tagger, *more])
    use_threads(threads)
    tagger = SequenceTagger.train(
        *tokens_and_tags(data["train"]),
        *tokens_and_tags(data["dev"]),
        embedding=given_embeddings(embedding, embedding_text, device, of_vectors),
        settings=settings,
        scheme=None if scheme is None else ("BIO" if scheme.upper() == "BIO" else "BIOES"),
        device=device,
        progress=terminal.progress_bar,
        on_epoch=_say_epoch,
    )
    for name in ("dev", "test"):
        _warn_of_unknown_tags(tagger, name, data.get(name, []))
    tagger.save(output)
    _report(tagger, output)
    if test is not None:
        scores = tagger.evaluate(*tokens_and_tags(data["test"]))
        if wants_json():
            terminal.say(json.dumps({"file": test, **scores.as_dict()}, ensure_ascii=False))
        else:
            terminal.say(f"\n{test}")
            for line in report_lines(scores):
                terminal.say(line)


def _refuse_same(data: Mapping[str, list[TaggedSentence]]) -> None:
    """Refuse a test file with the sentences of another one, under whatever name."""
    if "test" not in data:
        return
    for name in ("train", "dev"):
        if [own.tokens for own in data[name]] == [own.tokens for own in data["test"]]:
            raise ConfigError(
                f"{data['test'][0].source}: has the same sentences as --{name}: figures on it would say "
                "nothing about new text: give other data as --test"
            )


def _refuse_single_tag(data: list[TaggedSentence]) -> None:
    """Refuse training data that leaves nothing to learn."""
    found = {tag for own in data for tag in own.tags or []}
    if len(found) == 1:
        raise ConfigError(
            f"{data[0].source}: all tokens have the tag {found.pop()!r}, expected at least two different tags"
        )


def _say_epoch(epoch: Epoch) -> None:
    terminal.note(
        f"epoch {epoch.number}: loss {epoch.loss:.4f}, dev {epoch.dev_score:.4f}"
        + (", best so far" if epoch.is_best else "")
    )


def _warn_of_unknown_tags(tagger: SequenceTagger, name: str, data: list[TaggedSentence]) -> None:
    unknown = tagger.tag_set.unknown(own.tags or [] for own in data)
    if unknown:
        named = ", ".join(f"{tag} ({count:,})" for tag, count in unknown.most_common(5))
        terminal.warn(f"tags in --{name} that the training data does not have are always wrong: {named}")


def _report(tagger: SequenceTagger, output: Path) -> None:
    history, weights = tagger.history, tagger.mixing_weights()
    if wants_json():
        terminal.say(
            json.dumps(
                {"output": str(output), "tags": list(tagger.tags), **history, "mixing_weights": weights},
                ensure_ascii=False,
            )
        )
        return
    names = {
        "input": [own.name for own in tagger.embeddings],
        "output": [own.name for own in tagger.embeddings if own.is_contextual],
    }
    for place, embeddings in weights.items():
        for own, name in zip(embeddings, names[place], strict=True):
            if own is not None:
                shown = ", ".join(f"{weight:.3f}" for weight in own)
                terminal.note(f"weights of the layers of {name} at the {place}: {shown}")
    terminal.note(
        f"{output}: {terminal.counted(len(tagger.tags), 'tag')}, {history['dev_metric']} on dev "
        f"{history['dev_score']:.4f} (epoch {history['best_epoch']} of {history['epochs']})"
    )

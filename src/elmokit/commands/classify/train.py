"""elmokit classify train: train a text classifier."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.classifying import (
    ColumnChoice,
    report_figures,
    same_files,
    say_report,
    single_labels,
    takes_columns,
)
from elmokit.console.downstream import embedding_options, stray_arguments
from elmokit.console.models import device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import checked, verb
from elmokit.errors import ConfigError

if TYPE_CHECKING:
    from elmokit.config.section import Section
    from elmokit.downstream.classification.classifier import TextClassifier
    from elmokit.downstream.fitting import Epoch
    from elmokit.downstream.labelled.texts import LabelledTexts

_FLAGS = ("encoder", "fine_tune", "fit", "vectors")


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    yield from stray_arguments(values, ("train", "dev", "test"))
    yield from same_files({f"--{name}": values.get(name) for name in ("train", "dev", "test")})


def _setting_sections() -> list[tuple[str, list[tuple[str, str]]]]:
    from elmokit.downstream.classification.settings import ClassifierSettings
    from elmokit.downstream.embeddings.vector_settings import VectorSettings
    from elmokit.downstream.fit_settings import FitSettings

    return [
        ("Settings", _rows(ClassifierSettings)),
        ("Settings of the training", _rows(FitSettings)),
        ("Settings of word2vec and fastText", _rows(VectorSettings, "vectors.")),
    ]


def _rows(section: type[Section], prefix: str = "") -> list[tuple[str, str]]:
    return [
        (f"{prefix}{name}={json.dumps(field.default)}", field.description or "")
        for name, field in section.model_fields.items()
        if name not in _FLAGS
    ]


@verb("train", describe_more=_setting_sections)
@checked(_check)
@click.option("--train", "train", metavar="FILE", required=True, help="Labelled texts to train on.")
@click.option(
    "--dev",
    "dev",
    metavar="FILE",
    help="Labelled texts that decide when training stops.  [default: a share of --train is split off]",
)
@click.option(
    "--test", "test", metavar="FILE", help="Labelled texts to evaluate on in the end; they decide nothing."
)
@takes_output("Directory of the classifier.")
@takes_columns()
@embedding_options
@click.option(
    "--encoder",
    type=click.Choice(["pooled", "bilstm"]),
    default="pooled",
    show_default=True,
    help="pooled: mean and maximum of the word vectors; bilstm: a bidirectional LSTM with attention, slower.",
)
@click.option("--fine-tune", is_flag=True, help="Train the biLM too. Slow: its vectors are not kept.")
@click.option("--seed", type=click.IntRange(min=0), help="The same as seed=N.")
@json_option
@device_option
@threads_option
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def command(
    train: str,
    dev: str | None,
    test: str | None,
    output: Path,
    columns: ColumnChoice,
    embedding: str,
    embedding_text: tuple[str, ...],
    encoder: str,
    fine_tune: bool,
    seed: int | None,
    device: str,
    threads: int | None,
    overrides: tuple[str, ...],
) -> None:
    """Train a classifier on labelled texts.

    Files are TSV, CSV or JSON lines, or a directory with a folder of .txt files for each label. Training
    stops early, and the best epoch is chosen, by the accuracy on --dev. The probabilities are calibrated on
    --dev as well. Change settings with KEY=VALUE.

    \b
    Example:
      elmokit classify train --train train.tsv --dev dev.tsv --embedding elmo:small -o classifier
      elmokit classify train --train train.csv --test test.csv --embedding elmo:small+word2vec \\
          --embedding-text text.txt --encoder bilstm -o classifier max_epochs=10
    """
    from elmokit.config.overrides import section_with
    from elmokit.downstream.classification.classifier import TextClassifier
    from elmokit.downstream.classification.settings import ClassifierSettings
    from elmokit.downstream.saved import refuse_to_replace

    refuse_to_replace(output, "classifier")
    more = [f"encoder={encoder}", f"fine_tune={str(fine_tune).lower()}"]
    if seed is not None:
        more.append(f"fit.seed={seed}")
    settings = section_with(ClassifierSettings, [*more, *overrides])
    use_threads(threads)
    data = columns.read(train)
    dev_data = None if dev is None else columns.read(dev)
    test_data = None if test is None else columns.read(test, "test")
    _refuse_same({"train": data, "dev": dev_data, "test": test_data})
    classifier = TextClassifier(
        embedding,
        settings=settings,
        embedding_text=embedding_text,
        device=device,
        progress=terminal.progress_bar,
    )
    classifier.fit(
        data.texts,
        single_labels(data),
        None if dev_data is None else (dev_data.texts, single_labels(dev_data)),
        on_epoch=_say_epoch,
    )
    classifier.save(output)
    _report(classifier, output)
    if test_data is not None:
        report = classifier.evaluate(test_data.texts, single_labels(test_data))
        if wants_json():
            terminal.say(
                json.dumps({"file": test, **report_figures(report, test_data, 10)}, ensure_ascii=False)
            )
        else:
            terminal.say(f"\n{test}")
            say_report(report, test_data, num_mistakes=0)


def _refuse_same(data: Mapping[str, LabelledTexts | None]) -> None:
    """Refuse test data with the texts of other data, under whatever name."""
    test = data["test"]
    for name in ("train", "dev"):
        other = data[name]
        if test is not None and other is not None and set(test.texts) == set(other.texts):
            raise ConfigError(
                f"--test: has the same texts as --{name}: figures on them would say nothing about new texts: "
                "give other data as --test"
            )


def _say_epoch(epoch: Epoch) -> None:
    terminal.note(
        f"epoch {epoch.number}: loss {epoch.loss:.4f}, dev {epoch.dev_score:.4f}"
        + (", best so far" if epoch.is_best else "")
    )


def _report(classifier: TextClassifier, output: Path) -> None:
    training, weights = classifier.training, classifier.mixing_weights()
    if wants_json():
        figures = {"output": str(output), "labels": classifier.labels, **training, "mixing_weights": weights}
        terminal.say(json.dumps(figures, ensure_ascii=False))
        return
    for name, own in weights.items():
        terminal.note(f"weights of the layers of {name}: {', '.join(f'{weight:.3f}' for weight in own)}")
    split = f", split off with seed {classifier.settings.fit.seed}" if training["dev_is_split_off"] else ""
    terminal.note(f"{training['num_train']:,} training texts, {training['num_dev']:,} dev texts{split}")
    terminal.note(
        f"calibration error on dev {training['calibration_error_before']:.4f}, "
        f"{training['calibration_error']:.4f} with temperature {training['temperature']:.3f}"
    )
    terminal.note(
        f"{output}: {terminal.counted(len(classifier.labels), 'label')}, accuracy on dev "
        f"{training['dev_accuracy']:.4f}, macro F1 {training['dev_macro_f1']:.4f} "
        f"(epoch {training['best_epoch']} of {training['num_epochs']})"
    )

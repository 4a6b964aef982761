"""elmokit compare: compare embeddings on a task, with tests of significance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import modes, terminal
from elmokit.console.models import device_option
from elmokit.console.modes import json_option
from elmokit.console.outputs import OutputPath
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb
from elmokit.errors import ConfigError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elmokit.downstream.comparison.summary import Comparison


@verb("compare")
@click.option(
    "--task",
    "task_file",
    metavar="FILE.toml",
    required=True,
    type=click.Path(path_type=Path),
    help="The task: data, model and budget.",
)
@click.option(
    "--embeddings",
    metavar="A,B,...",
    required=True,
    help="What to compare, separated by commas: embeddings (elmo:MODEL, word2vec[:FILE], fasttext[:FILE], "
    "fasttext-official[:FILE], random, or several joined with +) and baselines (tfidf, majority).",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Number of models trained of each, with different seeds.",
)
@click.option(
    "--train-sizes",
    default="all",
    show_default=True,
    metavar="N,...,all",
    help="Numbers of training examples, for a learning curve, such as 10,30,100,all.",
)
@click.option(
    "--embedding-text",
    multiple=True,
    metavar="PATH",
    help="Tokenized text to train word2vec and fastText on, instead of that of the task file. Repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=OutputPath(file_okay=False),
    help="Directory of the results; by default the name of the task file and -comparison.",
)
@json_option
@device_option
@threads_option
def command(
    task_file: Path,
    embeddings: str,
    seeds: int,
    train_sizes: str,
    embedding_text: tuple[str, ...],
    output: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Train the same model on several embeddings and say which differences are significant.

    For each embedding, the settings that the task file lists are tried on the dev data; models with the best
    ones are trained with several seeds and tested once. The output directory has one table as Markdown, CSV
    and JSON, and plots. Finished models are kept there: after an interruption, run the command again.

    \b
    Example:
      elmokit compare --task reviews.toml --embeddings elmo:model,word2vec,tfidf --seeds 5
    """
    names = list(dict.fromkeys(name.strip() for name in embeddings.split(",") if name.strip()))
    if not names:
        raise ConfigError("--embeddings: expected at least one, such as elmo:model,word2vec,random")
    directory = output or Path(f"{task_file.stem}-comparison")
    _refuse_other_directory(directory)
    use_threads(threads)
    from elmokit.downstream.comparison.experiments import experiment_of
    from elmokit.downstream.comparison.outcomes import Outcomes
    from elmokit.downstream.comparison.report import as_record, pair_table, score_table, write_report
    from elmokit.downstream.comparison.running import Plan, run
    from elmokit.downstream.comparison.samples import train_sizes as read_sizes
    from elmokit.downstream.comparison.summary import import_t_quantile, summarize
    from elmokit.downstream.comparison.task import OUTCOMES, TEST, read_task, test_data
    from elmokit.downstream.comparison.tuning import trial_settings

    if seeds > 1:
        import_t_quantile()  # its absence is told before hours of training, not after
    task = read_task(task_file)
    if embedding_text:
        task = task.model_copy(update={"embedding_text": embedding_text})
    experiment = experiment_of(task, device=device, progress=terminal.progress_bar)
    trials = trial_settings(task.model, task.search, task.trials)
    for settings in trials:
        experiment.check_settings(settings)
    for name in names:  # so that the last one is not found missing after hours
        experiment.system(name)
    plan = Plan(tuple(names), seeds, read_sizes(train_sizes, len(experiment.strata)), tuple(trials))
    results = []
    with terminal.progress_bar("comparing", plan.num_models, "model") as bar:

        def show(description: str, number: int) -> None:
            bar.set_postfix_str(description, refresh=False)
            bar.update(number)

        for result in run(experiment, plan, Outcomes(directory / OUTCOMES), on_model=show):
            results.append(result)
    records = {}
    for test in test_data(task):
        name = task.name if test == TEST else f"{task.name}, tested on {test}"
        comparison = summarize(name, experiment.metric, results, num_trials=len(trials), test=test)
        place = directory if test == TEST else directory / test
        paths = write_report(comparison, place) + _draw(comparison, place)
        records[test] = as_record(comparison)
        if not modes.wants_json():
            if test != TEST:
                terminal.say(f"\n{name}\n")
            terminal.say(score_table(comparison))
            if comparison.pairs:
                terminal.say()
                terminal.say(pair_table(comparison))
        terminal.note(f"{place}: {', '.join(path.name for path in paths)}")
    if modes.wants_json():
        record = records.pop(TEST)
        terminal.report("", output=directory, **record, **({"transfer": records} if records else {}))


def _draw(comparison: Comparison, directory: Path) -> list[Path]:
    """Draw what there is to draw; the tables are worth having without Matplotlib."""
    from elmokit.visualize import comparison_plots as plots
    from elmokit.visualize.figures import save_figure

    drawn: dict[str, Callable[[], Figure]] = {"scores.png": lambda: plots.plot_scores(comparison)}
    if len(comparison.train_sizes) > 1:
        drawn["learning-curves.png"] = lambda: plots.plot_learning_curves(comparison)
    weights = {
        row.system if len(row.mixing_weights) == 1 else f"{row.system}: {name}": own
        for row in comparison.main_rows
        for name, own in row.mixing_weights.items()
    }
    if weights:
        drawn["mixing-weights.png"] = lambda: plots.plot_mixing_weights(weights)
    try:
        for name, draw in drawn.items():
            save_figure(draw(), directory / name)
    except MissingExtraError as error:
        terminal.warn(f"no pictures: {error}")
        return []
    return [directory / name for name in drawn]


def _refuse_other_directory(directory: Path) -> None:
    """Refuse a directory with files of something else.

    Raises:
        OutputError: if it is one.
    """
    from elmokit.downstream.comparison.task import OUTCOMES

    if directory.is_dir() and any(directory.iterdir()) and not (directory / OUTCOMES).is_dir():
        raise OutputError(
            f"{directory}: already exists and is not a comparison: choose another directory with -o"
        )

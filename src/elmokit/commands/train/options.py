"""The options of `elmokit train`, and which run they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from elmokit.commands.train.new_run import new_run
from elmokit.commands.train.training import train_run
from elmokit.config.files import DEFAULT_CONFIG
from elmokit.console.completion import complete_config, complete_setting
from elmokit.console.inputs import find_inputs
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.processes import early_settings, joined_processes, processes_options, start_processes
from elmokit.console.restart_options import Restart, takes_restart
from elmokit.console.setting_help import explain_setting, setting_sections
from elmokit.console.streams import unstoppable_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, missing, verb
from elmokit.errors import ConfigError
from elmokit.files.home import expanded


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    overrides = values.get("overrides") or ()
    stray = [override for override in overrides if not override.partition("=")[0] or "=" not in override]
    if stray:
        yield _explain_stray(stray, is_resumed=bool(values.get("resume")))
    keys = [override.partition("=")[0].rpartition(".")[2].replace("-", "_") for override in overrides]
    keys = ["num_processes" if key == "n_gpus" else key for key in keys]
    for name in ("device", "seed", "threads", "num_processes"):
        if values.get(name) is not None and name in keys:
            yield f"{name} is given twice, as --{name.replace('_', '-')} and as {name}="
    if values.get("resume"):
        return
    if not values.get("train_prefixes"):
        yield missing("train_prefixes")
    if values.get("restart_model") is not None:
        return
    if values.get("vocab_file") is None:
        yield missing("vocab_file")
    if not stray:
        from elmokit.config.schema import Config

        try:
            Config.load(values.get("config_name") or DEFAULT_CONFIG, overrides)
        except ConfigError as error:
            yield str(error)


def _explain_stray(arguments: Sequence[str], *, is_resumed: bool) -> str:
    """Return what to do about arguments that are no settings."""
    plural = "" if len(arguments) == 1 else "s"
    message = f"Got unexpected argument{plural} {', '.join(map(repr, arguments))}: expected key=value"
    first = expanded(arguments[0])
    if is_resumed and first.is_dir():
        return f"{message}. To resume this run, write --save-dir {arguments[0]} --resume"
    if len(arguments) == 1 and first.exists():
        return f"{message}. To train on it, write --train-prefix {arguments[0]}"
    return f"{message}. Put a glob in quotes (--train-prefix 'text/*.txt'), and no space around ="


@verb("train", explain_option=explain_setting, describe_more=setting_sections)
@checked(_check)
@click.option(
    "--train-prefix",
    "train_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Training text: file, glob in quotes, directory, URL, or - for the standard input. Of a directory "
    "written by `elmokit shard`, the training files are used. May be repeated.",
)
@click.option(
    "--heldout-prefix",
    "heldout_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Heldout text, evaluated at intervals. Of a directory written by `elmokit shard`, the heldout file "
    "is used.",
)
@click.option(
    "--vocab-file", type=click.Path(path_type=Path), help="Vocabulary file, written by `elmokit vocabulary`."
)
@takes_output("Directory for checkpoints and records.", ("-o", "--output", "--save-dir"))
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
    shell_complete=complete_config,
    help="tiny, small, original, a .toml file, or an options.json of bilm-tf.  [default: small]",
)
@click.option("--resume", is_flag=True, help="Resume from the last checkpoint in --save-dir.")
@takes_restart
@click.option(
    "--freeze",
    "frozen",
    metavar="PATTERN",
    multiple=True,
    help="Do not train these parameters: encoder, stacks.0, ... May be repeated.",
)
@click.option(
    "--replay-prefix",
    "replay_prefixes",
    metavar="TEXT",
    multiple=True,
    help="Old text to mix in, so that the model does not forget it; replay_share sets how much.",
)
@click.option("--device", help="The same as device=...: auto, cpu, cuda or cuda:N.")
@click.option("--seed", type=click.IntRange(min=0), help="The same as seed=N.")
@threads_option
@processes_options
@json_option
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
def command(
    train_prefixes: tuple[str, ...],
    heldout_prefixes: tuple[str, ...],
    vocab_file: Path | None,
    output: Path,
    config_name: str | None,
    resume: bool,
    start: Restart | None,
    frozen: tuple[str, ...],
    replay_prefixes: tuple[str, ...],
    device: str | None,
    seed: int | None,
    threads: int | None,
    num_processes: int | None,
    max_restarts: int,
    overrides: tuple[str, ...],
) -> None:
    """Train a biLM on tokenized text, one sentence per line, and write checkpoints.

    Change settings with KEY=VALUE, for example batch_size=32 num_epochs=3 patience=5, or recipe=bilm for the
    recipe of 2018. The settings are listed below; `elmokit settings` says more about them. --resume needs
    only --save-dir.

    With --restart-ckpt-file training starts from an existing model, on new text and with a new vocabulary. A
    summary shows what was restored; restart.json, and -v, every tensor. Settings default to those of that
    model.

    With --num-processes (or num_processes=N, or n_gpus=N of bilm-tf) N processes train together, each on a
    GPU of its own if there are any. torchrun starts them on several machines.

    \b
    Example:
      elmokit train --train-prefix 'text/train-*.txt.gz' --heldout-prefix text/heldout.txt.gz \\
          --vocab-file vocab.txt --save-dir model --config tiny num_epochs=2
      elmokit train --save-dir model --resume
      elmokit train --restart-ckpt-file model --train-prefix 'new/train-*.txt' \\
          --heldout-prefix new/heldout.txt --vocab-file new/vocab.txt --save-dir new-model
    """
    save_dir = output
    options = {"device": device, "seed": seed, "threads": threads, "num_processes": num_processes}
    given = [f"{name}={json.dumps(value)}" for name, value in options.items() if value is not None]
    overrides = (*overrides, *given)
    if resume and config_name is None and (save_dir / "config.json").exists():
        source: str | Path | None = save_dir / "config.json"
    else:
        source = config_name or (None if resume or start is not None else DEFAULT_CONFIG)
    settings = early_settings(source, overrides)
    overrides = start_processes(
        settings,
        overrides,
        is_resumed=resume,
        max_restarts=max_restarts,
        reads_stdin="-" in (*train_prefixes, *heldout_prefixes, *replay_prefixes),
    )
    if frozen:
        overrides = (*overrides, f"freeze={json.dumps(frozen)}")
    prefixes = _prefixes(train_prefixes), _prefixes(heldout_prefixes), _prefixes(replay_prefixes)
    from elmokit.training.rendezvous import is_started_again, launch_id
    from elmokit.training.run_directory import continue_run, is_run_of_launch
    from elmokit.training.run_lock import locked

    with unstoppable_output(), joined_processes(settings) as ranks, ExitStack() as stack:
        with ranks.together():
            resume = resume or (is_started_again() and is_run_of_launch(save_dir, launch_id()))
            # A run that resumes is locked before it is read; a new one when there is something to lock.
            if resume and ranks.is_main and (save_dir / "checkpoints").is_dir():
                stack.enter_context(locked(save_dir))
            prepare = None
            if resume:
                run = continue_run(save_dir, config_name, overrides, vocab_file, *prefixes)
            else:
                run, prepare = new_run(save_dir, config_name, overrides, vocab_file, start, prefixes)
        train_run(run, ranks, prepare)


def _prefixes(patterns: Sequence[str]) -> list[str]:
    """Return patterns of texts, in which the standard input has become a file."""
    return [str(find_inputs(["-"])[0]) if pattern == "-" else pattern for pattern in patterns]

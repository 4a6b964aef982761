"""Commands that run as several processes: their options, how they start, and that only one of them speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.errors import ConfigError, ElmokitError

if TYPE_CHECKING:
    from elmokit.config import TrainingConfig
    from elmokit.training.distributed import Ranks

_NAMES = ("num_processes", "n_gpus")
# What matters before a model is read whose other settings do not fit any configuration.
_EARLY_NAMES = (*_NAMES, "device", "rank_timeout")


def processes_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--num-processes`` and ``--max-restarts``."""
    for add in (
        click.option(
            "--max-restarts",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="How often to start all processes again, from the last checkpoint, when one has failed.",
        ),
        click.option(
            "--num-processes",
            "--n-gpus",
            type=click.IntRange(min=1),
            help="The same as num_processes=N, n_gpus=N of bilm-tf: train in N processes on this machine.",
        ),
    ):
        function = add(function)
    return function


def early_settings(config: str | Path | None, overrides: Sequence[str]) -> TrainingConfig:
    """Return the settings that say where a run trains.

    Args:
        config: name or file; None for those of a model that is not read yet.
        overrides: ``key=value``.

    Raises:
        ConfigError: when a setting is wrong.
    """
    from elmokit.config.files import DEFAULT_CONFIG
    from elmokit.config.schema import Config

    if config is None:
        overrides = [override for override in overrides if _name(override) in _EARLY_NAMES]
    return Config.load(DEFAULT_CONFIG if config is None else config, overrides).training


def start_processes(
    training: TrainingConfig,
    overrides: Sequence[str],
    *,
    is_resumed: bool,
    max_restarts: int,
    reads_stdin: bool,
) -> tuple[str, ...]:
    """Run this command in as many processes as the settings say, unless torchrun has done so.

    Returns:
        In one of the processes, or where there is only one: the overrides, with the number of processes.

    Raises:
        ConfigError: when torchrun has started another number of processes than the settings say.
    """
    from elmokit.training.rendezvous import launched

    own, wanted = launched(), training.num_processes
    if reads_stdin and max(1 if own is None else own.num, wanted) > 1:
        raise ConfigError(
            "--train-prefix -: the standard input cannot be read by several processes: write it to a file"
        )
    if own is None:
        if wanted == 1:
            return tuple(overrides)
        from elmokit.training.launch import launch

        status = launch(sys.argv[1:], wanted, max_restarts=max_restarts)
        click.get_current_context().exit(status)
    is_given = any(_name(override) in _NAMES for override in overrides)
    if wanted != own.num and (is_given or (wanted > 1 and not is_resumed)):
        if own.rank > 0:  # the main process says so
            click.get_current_context().exit(2)
        raise ConfigError(
            f"num_processes={wanted}: torchrun has started {own.num} processes: leave the setting out, or "
            "start as many"
        )
    return (*overrides, f"num_processes={own.num}")


@contextmanager
def joined_processes(training: TrainingConfig) -> Iterator[Ranks]:
    """Join the other processes, if there are any; all but the main one are silent.

    Raises:
        ElmokitError: of this process, with its number; one that only follows that of another process ends
            it without a word.
    """
    from elmokit.training.distributed import RankError, Ranks, SilentError
    from elmokit.training.rendezvous import ending_with_launcher, launched

    own = launched()
    if own is None:
        yield Ranks()
        return
    is_main = own.rank == 0
    try:
        with _silence(not is_main), ending_with_launcher():
            ranks = Ranks.join(training.device, timeout=training.rank_timeout)
            try:
                yield ranks
            except RankError:
                if ranks.device is None or ranks.device.type == "cpu":  # NCCL would wait for the lost process
                    ranks.leave()
                raise
            except BaseException:
                ranks.leave()  # threads of gloo must have ended before Python does
                raise
            ranks.leave()
    except (RankError, SilentError, KeyboardInterrupt) as error:
        if is_main:
            raise
        click.get_current_context().exit(130 if isinstance(error, KeyboardInterrupt) else 2)
    except (ElmokitError, OSError) as error:
        if is_main:
            raise
        raise ElmokitError(f"process {own.rank} of {own.num}: {error}") from error


@contextmanager
def _silence(is_silent: bool) -> Iterator[None]:
    if not is_silent:
        yield
        return
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield


def _name(override: str) -> str:
    return override.partition("=")[0].rpartition(".")[2].replace("-", "_")

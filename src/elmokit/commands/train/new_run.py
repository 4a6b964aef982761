"""A new run of `elmokit train`: from random parameters, or from a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elmokit.config.files import DEFAULT_CONFIG
from elmokit.console import terminal
from elmokit.console.restart_options import Restart
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import MissingTextError

if TYPE_CHECKING:
    from elmokit.config import Config
    from elmokit.training.run_directory import Run
    from elmokit.training.trainer import Trainer


def new_run(
    save_dir: Path,
    config_name: str | None,
    overrides: Sequence[str],
    vocab_file: Path | None,
    start: Restart | None,
    prefixes: tuple[list[str], list[str], list[str]],
) -> tuple[Run, Callable[[Trainer], None] | None]:
    """Return a new run, and what is to be done with its trainer first."""
    from elmokit.config import Config
    from elmokit.training.run_directory import start_run
    from elmokit.training.warm_start.restart import (
        missing_for_restart,
        restart_config,
        restart_vocabulary,
    )

    if start is None:
        assert vocab_file is not None  # checked before
        config = Config.load(config_name or DEFAULT_CONFIG, overrides)
        try:
            vocabulary = Vocabulary.load(vocab_file)
        except MissingTextError as error:
            raise MissingTextError(f"{error}: make one with `elmokit vocabulary`") from None
        _refuse_unmatched_patterns(config, vocabulary)
        return start_run(save_dir, config, vocabulary, *prefixes), None
    source = start.load()
    config = restart_config(source, config_name, overrides)
    absent = missing_for_restart(source, has_recipe=config_name is not None)
    if absent is not None:
        terminal.warn(absent)
    vocabulary = restart_vocabulary(source, vocab_file)
    _refuse_unmatched_patterns(config, vocabulary, start.excluded)
    run = start_run(save_dir, config, vocabulary, *prefixes)
    return run, lambda trainer: start.apply(trainer, source)


def _refuse_unmatched_patterns(config: Config, vocabulary: Vocabulary, excluded: Sequence[str] = ()) -> None:
    """Refuse patterns that match no parameter before hours of reading, not after."""
    from elmokit.model.parameter_shapes import parameter_shapes
    from elmokit.training.parameter_names import matching_names

    names = parameter_shapes(config.model, len(vocabulary), with_softmax=True, source=Path("config"))
    matching_names(config.training.freeze, names, setting="freeze")
    matching_names(excluded, names, setting="exclude")

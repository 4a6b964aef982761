"""What a shell offers when the user presses Tab: models, settings, files."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from elmokit.repository.locate import model_names


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of models, and the files and directories that begin with ``incomplete``."""
    names = [name for name in model_names() if name.startswith(incomplete)]
    if not names:
        return [CompletionItem(incomplete, type="file")]
    # A shell that is told to offer files as well would offer nothing but files.
    here = [path.name for path in sorted(Path().iterdir()) if path.name[0] != "."]
    return [
        *map(CompletionItem, names),
        *(CompletionItem(name) for name in here if name.startswith(incomplete)),
    ]


def complete_setting(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ``key=`` for the settings, and ``key=value`` where the values are words."""
    from elmokit.config.listing import list_settings

    offered: list[CompletionItem] = []
    for setting in list_settings():
        if setting.choices and incomplete.startswith(f"{setting.name}="):
            offered += [CompletionItem(f"{setting.name}={choice}") for choice in setting.choices]
        else:
            offered.append(CompletionItem(f"{setting.name}=", help=setting.meaning))
    return [item for item in offered if item.value.startswith(incomplete)]


def complete_config(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the shipped configurations, or files."""
    from elmokit.config.files import SHIPPED_CONFIGS

    names = [CompletionItem(name) for name in SHIPPED_CONFIGS if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]


class _Bash(BashComplete):
    """Bash's completion without a space after ``key=``."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace"
    )


add_completion_class(_Bash)

"""elmokit settings: list all settings of a model and its training."""

from __future__ import annotations

import dataclasses
import json
from itertools import groupby

import click

from elmokit.config.bilm_options import SETTING_NAMES
from elmokit.config.files import DEFAULT_CONFIG
from elmokit.config.listing import list_settings
from elmokit.config.schema import Config
from elmokit.console import terminal
from elmokit.console.completion import complete_config, complete_setting
from elmokit.console.modes import json_option, wants_json
from elmokit.console.verb import verb


@verb("settings")
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
    default=DEFAULT_CONFIG,
    show_default=True,
    shell_complete=complete_config,
    help="Configuration whose values to print as defaults: tiny, small, original or a file.",
)
@json_option
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_setting)
def command(config_name: str, names: tuple[str, ...]) -> None:
    """Print every setting that `elmokit train` accepts as KEY=VALUE: default, type, unit and meaning.

    With NAME, only the settings whose names contain it. The names of bilm-tf's options work as well.

    \b
    Example:
      elmokit settings
      elmokit settings dropout clip --config original
    """
    settings = [
        setting
        for setting in list_settings(Config.load(config_name))
        if not names or any(_own_name(name) in setting.path for name in names)
    ]
    if not settings:
        raise click.UsageError(f"no setting contains {' or '.join(names)}", click.get_current_context())
    if wants_json():
        for setting in settings:
            terminal.say(json.dumps(dataclasses.asdict(setting)))
        return
    for number, (group, members) in enumerate(groupby(settings, lambda setting: setting.group)):
        terminal.say(("\n" if number else "") + group)
        for setting in members:
            unit = f", in {setting.unit}" if setting.unit else ""
            terminal.say(f"  {setting.name}={setting.shown_default}")
            terminal.say(click.wrap_text(f"{setting.meaning} ({setting.type}{unit})", 80, "      ", "      "))


def _own_name(name: str) -> str:
    """Return the name of a setting, without an equals sign, for what bilm-tf calls it."""
    name = name.rstrip("=").replace("-", "_")
    return SETTING_NAMES.get(name, name)

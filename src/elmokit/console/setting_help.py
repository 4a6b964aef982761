"""Settings in the help of a command, and what to say when one is typed as an option."""

from __future__ import annotations

from itertools import groupby

_LONGEST_DEFAULT = 30  # characters


def setting_sections() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the settings in groups, each with its default and meaning, for a help text."""
    from elmokit.config.files import DEFAULT_CONFIG
    from elmokit.config.listing import list_settings

    sections = []
    for group, settings in groupby(list_settings(), lambda setting: setting.group):
        rows = []
        for setting in settings:
            default = setting.shown_default
            if len(default) > _LONGEST_DEFAULT:
                default = f"{default[:_LONGEST_DEFAULT]}..."
            rows.append((f"{setting.name}={default}", setting.meaning))
        sections.append((f"Settings of --config {DEFAULT_CONFIG}, {group}", rows))
    return sections


def explain_setting(option: str, value: str | None) -> str | None:
    """Return how to set a setting that was typed as an option; None if there is none of that name.

    Args:
        option: as it was typed.
        value: its value, if it has one.
    """
    from elmokit.config.bilm_options import COUNTED, SETTING_NAMES
    from elmokit.config.listing import list_settings

    name = option.lstrip("-").replace("-", "_")
    if name in COUNTED:
        return f"No such option {option!r}: elmokit counts it, leave it out"
    path = SETTING_NAMES.get(name, name)
    for setting in list_settings():
        if path in (setting.name, setting.path):
            value = value or setting.shown_default
            return f"No such option {option!r}: it is a setting, write {setting.name}={value}"
    return None

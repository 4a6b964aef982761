"""The options -q, -v and --json: what a command prints besides its results, and in which form.

They are kept with the running command, so that whatever prints can ask for them.
"""

from __future__ import annotations

import logging
import sys

import click

_QUIET, _VERBOSE, _JSON, _STDOUT_IS_TAKEN = (
    f"elmokit.{name}" for name in ("quiet", "verbose", "json", "out")
)


def is_quiet() -> bool:
    """Return whether the user wants results and warnings only."""
    return _get(_QUIET)


def is_verbose() -> bool:
    """Return whether the user wants details."""
    return _get(_VERBOSE)


def wants_json() -> bool:
    """Return whether results are printed as JSON."""
    return _get(_JSON)


def take_stdout() -> None:
    """Reserve the standard output for a file that the command writes there."""
    click.get_current_context().meta[_STDOUT_IS_TAKEN] = True


def stdout_is_taken() -> bool:
    """Return whether the standard output is reserved for a file."""
    return _get(_STDOUT_IS_TAKEN)


def _get(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(key))


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[f"elmokit.{param.name}"] = True


def _show_log(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    _remember(ctx, param, value)
    if not value or ctx.resilient_parsing:
        return
    logger, handler = logging.getLogger("elmokit"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)

    @ctx.call_on_close
    def restore() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)


quiet_option = click.option(
    "-q",
    "--quiet",
    "quiet",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Print only results and warnings: no progress, no remarks.",
)
verbose_option = click.option(
    "-v", "--verbose", "verbose", is_flag=True, expose_value=False, callback=_show_log, help="Print details."
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, hidden=True, help="Show the traceback of an error."
)
json_option = click.option(
    "--json",
    "json",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Print one JSON object per line instead of text.",
)

"""A command that consists of commands, which are imported when they are used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem


class VerbGroup(click.Group):
    """A command group that lists its commands without importing them.

    Args:
        verbs: module and summary of each command; the module has it as ``command``.
        elsewhere: what commands of other tools are called, and what does the same here.
    """

    def __init__(
        self,
        *arguments: Any,
        verbs: Mapping[str, tuple[str, str]],
        elsewhere: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.verbs = verbs
        self._elsewhere = elsewhere or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self.verbs:
            return None
        command = importlib.import_module(self.verbs[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command; ``help COMMAND`` is ``COMMAND --help``.

        Raises:
            UsageError: if an option is unknown, or belongs after the command.
        """
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            name = next((argument for argument in args if argument in self.verbs), None)
            command = None if name is None else self.get_command(ctx, name)
            if command is not None and any(error.option_name in each.opts for each in command.params):
                ctx.fail(
                    f"{error.option_name} stands before the command: write {ctx.command_path} {name} ... "
                    f"{error.option_name}"
                )
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for; another one is an error with the nearest name."""
        cmd_name = args[0].replace("_", "-")
        if cmd_name not in self.verbs:
            elsewhere = cmd_name.lower().removeprefix("bin/").removesuffix(".py")
            if elsewhere in self._elsewhere:
                ctx.fail(f"no command {args[0]!r}: use {self._elsewhere[elsewhere]}")
            near = [verb for verb in self.verbs if verb.startswith(cmd_name)]
            near = near or difflib.get_close_matches(cmd_name, self.verbs, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"no command {args[0]!r}{hint}")
        return cmd_name, self.get_command(ctx, cmd_name), args[1:]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command."""
        verbs = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in self.verbs.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, summary) for verb, (_, summary) in self.verbs.items()])


def verb_group(
    name: str, verbs: Mapping[str, tuple[str, str]]
) -> Callable[[Callable[[], None]], click.Command]:
    """Make a function without parameters, which only has a docstring, a command with commands of its own.

    Args:
        name: of the command.
        verbs: see :class:`VerbGroup`.
    """
    return click.command(name, cls=VerbGroup, verbs=verbs)

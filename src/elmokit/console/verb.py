"""The class of all commands: it has the options that every command has, and reports all faults at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import click
from click.core import iter_params_for_processing

from elmokit.console.modes import debug_option, quiet_option, verbose_option
from elmokit.console.other_tools import explain_option

Check = Callable[[Mapping[str, Any]], Iterable[str]]
"""Takes the values of a command's parameters, without wrong ones, and returns what else is wrong."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_CHECKS = "__elmokit_checks__"
_NEGATIVE = re.compile(r"-[\d.]+")
_UNSET = getattr(click.core, "UNSET", None)  # click 8.3 and later mark missing values with an object


def checked(check: Check) -> Callable[[_Function], _Function]:
    """Add a check of how options go together; it runs before the command, with those of single options."""

    def add(function: _Function) -> _Function:
        setattr(function, _CHECKS, [check, *getattr(function, _CHECKS, [])])
        return function

    return add


def verb(name: str, **options: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command.

    Args:
        name: of the command.
        options: further arguments of :class:`Verb`.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=Verb, **options)(quiet_option(verbose_option(debug_option(function))))

    return decorate


class Verb(click.Command):
    """A command whose faults are reported in one message, before anything else is done.

    Args:
        explain_option: takes an option that does not exist and its value, if it seems to have one; returns
            what to say about it, or None.
        explain_rest: takes the arguments that are too many; returns what to do, or nothing.
        describe_more: returns sections to add to the help text: titles, and rows of two columns.
    """

    def __init__(
        self,
        *arguments: Any,
        explain_option: Callable[[str, str | None], str | None] = lambda *_: None,
        explain_rest: Callable[[list[str]], str] = lambda _: "",
        describe_more: Callable[[], Iterable[tuple[str, list[tuple[str, str]]]]] = tuple,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._explain_option = explain_option
        self._explain_rest = explain_rest
        self._describe_more = describe_more

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line.

        Raises:
            UsageError: with all faults.
        """
        try:
            rest = super().parse_args(ctx, list(args))
        except click.UsageError:
            faults = list(self._faults(ctx, args))
        else:
            if ctx.resilient_parsing:
                return rest
            faults = list(self._check(ctx.params))
        if not faults:
            faults = [
                f"{argument or 'an argument'} is empty: is a variable of the shell unset?"
                for argument in map(_name_of_empty, args)
                if argument is not None
            ]
        if faults:
            count = f"{len(faults)} errors: " if len(faults) > 1 else ""
            raise click.UsageError(count + "; ".join(faults), ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the further sections."""
        super().format_options(ctx, formatter)
        for title, rows in self._describe_more():
            with formatter.section(title):
                formatter.write_dl(rows)

    def _takes_sentence(self) -> bool:
        return any(isinstance(each, click.Argument) and each.name == "sentence" for each in self.params)

    def _check(self, values: Mapping[str, Any]) -> Iterator[str]:
        for check in getattr(self.callback, _CHECKS, []):
            yield from check(values)

    def _faults(self, ctx: click.Context, args: list[str]) -> Iterator[str]:
        """Yield every fault of a command line that is known to have one."""
        scratch = self.context_class(self, info_name=ctx.info_name, parent=ctx.parent)
        scratch.token_normalize_func = ctx.token_normalize_func
        remaining, is_shifted = list(args), False
        while True:
            parser = self.make_parser(scratch)
            try:
                values, rest, order = parser.parse_args(list(remaining))
                break
            except click.NoSuchOption as error:
                is_shifted = True  # what follows an unknown option may have been its value
                position = _find(remaining, error.option_name)
                value = None if position is None else _value_at(remaining, position)
                yield (
                    self._explain_option(error.option_name, value)
                    or explain_option(self.name or "", error.option_name)
                    or _text(error)
                )
                if position is None:
                    return
                del remaining[position]
                if _NEGATIVE.fullmatch("".join(remaining[position : position + 1])):
                    del remaining[position]  # it would be taken for an option
            except click.UsageError as error:  # an option without its value: nothing after it is certain
                yield _text(error)
                return
        missing_files = []
        for parameter in iter_params_for_processing(order, self.get_params(scratch)):
            is_argument = isinstance(parameter, click.Argument)
            try:
                _, rest = parameter.handle_parse_result(scratch, values, rest)
            except click.UsageError as error:
                if is_shifted and is_argument:
                    continue
                if isinstance(error, click.MissingParameter):
                    if not is_argument and (parameter.metavar or "").startswith("FILE"):
                        missing_files.append(f"{_name(parameter, args)} {' '.join(rest)}")
                    yield missing(parameter.name, args)
                    continue
                if isinstance(error, click.BadParameter):
                    error.param_hint = f"'{_name(parameter, args)}'"
                yield _text(error)
                is_shifted = is_shifted or is_argument  # those after it may be meant for its place
        if rest and not is_shifted:
            hint = "a sentence is given in quotes" if self._takes_sentence() else self._explain_rest(rest)
            if missing_files and len(rest) == 1:
                hint = f"write {missing_files[0]}"
            extra = f"Got unexpected extra argument{'s' if len(rest) > 1 else ''} ({' '.join(rest)})"
            yield f"{extra}: {hint}" if hint else extra
        if not is_shifted:
            given = {name: None if value is _UNSET else value for name, value in scratch.params.items()}
            yield from self._check(given)


def _name_of_empty(argument: str) -> str | None:
    """Return the option of an argument that is empty, empty itself without an option; None for others.

    An empty path would mean the current directory.
    """
    name, mark, value = argument.partition("=")
    if argument and not (mark and not value and name.startswith("--")):
        return None
    return name


def missing(name: str | None, args: Iterable[str] = ()) -> str:
    """Return that a parameter is missing, and what it is for: the start of its help, or where it stands.

    Args:
        name: of a parameter of the command that runs.
        args: what the user has typed.
    """
    ctx = click.get_current_context()
    parameter = next(each for each in ctx.command.params if each.name == name)
    if isinstance(parameter, click.Argument):
        return f"Missing argument '{_name(parameter, args)}' of `{usage(ctx)}`"
    message = _text(
        click.MissingParameter(ctx=ctx, param=parameter, param_hint=f"'{_name(parameter, args)}'")
    )
    purpose = (getattr(parameter, "help", None) or "").partition(". ")[0].rstrip(".")
    return message if isinstance(parameter.type, click.Choice) or not purpose else f"{message} ({purpose})"


def usage(ctx: click.Context) -> str:
    """Return a command with its arguments, for example ``elmokit score MODEL [TEXT]...``."""
    return " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)[1:]])


def _text(error: click.UsageError) -> str:
    """Return a message of click in plain words."""
    message = re.sub(r"\s+", " ", error.format_message()).rstrip(".")
    message = re.sub(r"is not a valid integer( range)?$", "is not a whole number", message)
    return re.sub(r"is not a valid float( range)?$", "is not a number", message)


def _name(parameter: click.Parameter, args: Iterable[str]) -> str:
    """Return the name of a parameter as the user has typed it, else its last one."""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.get_current_context()).strip("[]")
    typed = {argument.partition("=")[0].replace("_", "-") for argument in args}
    return next((name for name in parameter.opts if name in typed), parameter.opts[-1])


def _find(args: list[str], option: str) -> int | None:
    """Return the position of an option in a command line; None if it is not found."""
    for position, argument in enumerate(args):
        name = argument.partition("=")[0].replace("_", "-")
        is_short = (
            len(option) == 2 and name.startswith("-") and not name.startswith("--") and option[1] in name
        )
        if name == option or is_short:
            return position
    return None


def _value_at(args: list[str], position: int) -> str | None:
    """Return the value of the option at a position, after = or as the next argument, if there is one."""
    _, equals, value = args[position].partition("=")
    if equals:
        return value
    following = args[position + 1 : position + 2]
    return next((each for each in following if not each.startswith("--")), None)

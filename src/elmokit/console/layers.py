"""The option that selects layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from elmokit.embedder import Layers


class LayersType(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A name such as ``top``, or the number of a layer.

    Args:
        names: the names to accept.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self.name = "|".join((*names, "N"))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Layers:
        """Return the name, or the number as an integer."""
        if value in self._names:
            return cast("Layers", value)
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r}: expected {', '.join(self._names)} or the number of a layer", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offer the names."""
        item = click.shell_completion.CompletionItem
        return [item(name) for name in self._names if name.startswith(incomplete)]


def layers_option(default: str | None, reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--layers`` of a command that computes all layers or any of them.

    Args:
        default: the default.
        reason: why it is the default, for the help text.
    """
    return click.option(
        "--layers",
        "--layer",
        "layers",
        type=LayersType(("all", "top", "average")),
        default=default,
        help="All layers, the top layer, their average, or one by its number; 0 is context-free.  "
        f"[default: {default}: {reason}]",
    )


def one_layer_option(
    shown_default: str, reason: str, *, default: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--layers`` of a command that needs one vector per token; it gets ``layer``.

    Args:
        shown_default: the default, for the help text.
        reason: why it is the default, for the help text.
        default: the default, or None if the command sets it.
    """
    return click.option(
        "--layer",
        "--layers",
        "layer",
        type=LayersType(("top", "average")),
        default=default,
        help="The top layer, the average of all layers, or one by its number; 0 is context-free.  "
        f"[default: {shown_default}: {reason}]",
    )

"""Command-line values that select layers."""

from __future__ import annotations

from typing import cast

import click

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
            return cast(Layers, value)
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r}: expected {', '.join(self._names)} or the number of a layer", param, ctx)


LAYERS = LayersType(("all", "top", "average"))
ONE_LAYER = LayersType(("top", "average"))
ONE_LAYER_HELP = "The top layer, the average of all layers, or one by its number; 0 is context-free."

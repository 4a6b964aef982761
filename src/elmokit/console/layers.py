"""How commands are told a layer."""

from __future__ import annotations

from typing import cast

import click

from elmokit.embedder import Layers


class LayersType(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A name such as ``top``, or the number of a layer."""

    def __init__(self, names: tuple[str, ...] = ("all", "top", "average")) -> None:
        self._names = names
        self.name = "|".join((*names, "N"))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Layers:
        """The layer that a user means."""
        if value in self._names:
            return cast(Layers, value)
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r}: expected {', '.join(self._names)} or a layer's number", param, ctx)

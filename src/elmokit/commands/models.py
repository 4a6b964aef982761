"""elmokit models: list the models that can be loaded by name."""

from __future__ import annotations

import dataclasses
import json

from elmokit.console import modes, terminal
from elmokit.console.modes import json_option, wants_json
from elmokit.console.verb import verb
from elmokit.repository.catalog import CatalogEntry, published

_HEADER = ("name", "language", "width", "params", "MB", "here", "licence")
_IS_NUMBER = (2, 3, 4)


@verb("models")
@json_option
def command() -> None:
    """List the models that every command accepts by name: the bundled one, and those others have published.

    A published model is downloaded when it is used first; those marked as here are on this disk. The
    parameters are those without the softmax; ? is what the authors do not say. A licence with (code) is that
    of the code which trained the model. -v also prints what a model was trained on and where it comes from.
    In Python: elmokit.published().

    \b
    Example:
      elmokit models
      elmokit info small
    """
    models = published()
    if wants_json():
        for model in models:
            terminal.say(json.dumps(dataclasses.asdict(model), ensure_ascii=False))
        return
    rows = [_row(model) for model in models]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    terminal.say(_aligned(_HEADER, widths))
    for row, model in zip(rows, models, strict=True):
        terminal.say(_aligned(row, widths))
        if modes.is_verbose():
            terminal.say(f"    {model.description}\n    {model.source}")


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = (
        cell.rjust(width) if k in _IS_NUMBER else cell.ljust(width)
        for k, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()


def _row(model: CatalogEntry) -> tuple[str, ...]:
    return (
        model.name,
        model.language,
        "?" if model.dim is None else str(model.dim),
        "?" if model.num_parameters is None else f"{model.num_parameters / 1e6:.1f}M",
        "?" if model.megabytes is None else f"{model.megabytes:.0f}",
        "yes" if model.is_on_disk else "",
        model.licence,
    )

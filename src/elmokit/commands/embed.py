"""elmokit embed: write the vectors of a whole file to HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from elmokit.commands import terminal
from elmokit.data.text import find_texts, total_bytes
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import OutputError


class _LayersType(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    name = "all|top|average|N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Layers:
        if value in ("all", "top", "average"):
            return cast(Layers, value)
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r}: expected all, top, average or a layer's number", param, ctx)


@click.command("embed")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("text", metavar="INPUT.txt")
@click.argument("output", metavar="OUTPUT.hdf5", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--layers",
    type=_LayersType(),
    default="all",
    show_default=True,
    help="All layers, the top one, their average, or one by its number; 0 is the token layer.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Sentences at a time."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def command(model: Path, text: str, output: Path, layers: Layers, batch_size: int, device: str) -> None:
    """Write the vectors of every line of INPUT.txt to OUTPUT.hdf5.

    Tokens are separated by white space. Each line becomes a dataset whose key is the line's number,
    from 0: (layers, tokens, width) float32, or (tokens, width) for one layer. MODEL is a training
    run's save directory, or a directory or file with HDF5 weights and their options.json.

    \b
    Example:
      elmokit embed model sentences.txt vectors.hdf5 --layers top
    """
    embedder = ElmoEmbedder.load(model, device=device)
    paths = find_texts([text])
    if len(paths) > 1:
        raise click.UsageError(
            f"{text}: matches {len(paths)} files, expected one.", click.get_current_context()
        )
    if output.exists() and Path(paths[0]).exists() and output.samefile(paths[0]):
        raise OutputError(f"{output}: is the text itself: write the vectors elsewhere")
    with terminal.progress_bar("embedding", total_bytes(paths), "B") as bar:
        num_lines = embedder.embed_file(paths[0], output, layers, batch_size=batch_size, on_bytes=bar.update)
    shape = (
        f"({embedder.num_layers}, tokens, {embedder.dim})" if layers == "all" else f"(tokens, {embedder.dim})"
    )
    terminal.say(f"{output}: {num_lines:,} lines, each {shape}")

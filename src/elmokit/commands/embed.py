"""elmokit embed: write the vectors of a file to HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_input
from elmokit.console.layers import layers_option
from elmokit.console.models import (
    GivenModel,
    batch_size_option,
    device_option,
    precision_option,
    takes_model,
)
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.data.read import total_bytes
from elmokit.errors import OutputError
from elmokit.files.atomic import refuse_inputs
from elmokit.files.home import expanded

if TYPE_CHECKING:
    from elmokit.embedder import Layers


@verb("embed")
@takes_model()
@click.argument("text", metavar="INPUT.txt")
@takes_output("HDF5 file to write.", argument="OUTPUT.hdf5", dir_okay=False)
@layers_option("all", "what is left out here cannot be had later")
@click.option(
    "--token-embeddings",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Precomputed word vectors from `elmokit embed-tokens`; other words run through the encoder.",
)
@json_option
@batch_size_option
@device_option
@precision_option
@threads_option
def command(
    model: GivenModel,
    text: str,
    output: Path,
    layers: Layers,
    token_embeddings: Path | None,
    batch_size: int,
    device: str,
    precision: str,
) -> None:
    """Write the vectors of every line of INPUT.txt to OUTPUT.hdf5.

    Tokens are separated by whitespace. Each line becomes a dataset whose key is the line number, from 0, with
    float32 values of shape (layers, tokens, width), or (tokens, width) for one layer. MODEL is anything that
    `elmokit info` accepts; INPUT.txt may be -, the standard input.

    \b
    Example:
      elmokit embed model sentences.txt vectors.hdf5 --layers top
    """
    path = find_input(text)
    refuse_inputs(output, [path, *([] if token_embeddings is None else [token_embeddings])])
    from elmokit.formats.bilm_hdf5_files import HDF5_SUFFIXES

    if output.suffix and output.suffix.lower() not in HDF5_SUFFIXES:
        raise OutputError(
            f"{output}: vectors are written as HDF5, not as {output.suffix}: choose a name that ends in .hdf5"
        )
    pretrained = model.load()
    from elmokit.embedder import ElmoEmbedder
    from elmokit.formats.token_embeddings import read_token_table
    from elmokit.token_tables import words_by_row

    embedder = ElmoEmbedder(
        pretrained,
        device=device,
        precision=precision,
        token_table=None
        if token_embeddings is None
        else read_token_table(expanded(token_embeddings), words_by_row(pretrained)),
    )
    with terminal.progress_bar("embedding", total_bytes([path]), "B") as bar:
        num_lines = embedder.embed_file(str(path), output, layers, batch_size=batch_size, on_bytes=bar.update)
    shape = (
        f"({embedder.num_layers}, tokens, {embedder.dim})" if layers == "all" else f"(tokens, {embedder.dim})"
    )
    terminal.report(
        f"{output}: {terminal.counted(num_lines, 'line')}, each {shape}",
        output=output,
        num_lines=num_lines,
        num_layers=embedder.num_layers if layers == "all" else 1,
        dim=embedder.dim,
    )

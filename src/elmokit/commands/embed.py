"""elmokit embed: write the vectors of a file to HDF5."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.layers import LAYERS
from elmokit.console.models import batch_size_option, device_option, takes_model
from elmokit.data.find import find_texts
from elmokit.data.read import total_bytes
from elmokit.embedder import ElmoEmbedder, Layers
from elmokit.errors import OutputError
from elmokit.files.atomic import refuse_inputs
from elmokit.files.home import expanded
from elmokit.formats.bilm_hdf5_files import HDF5_SUFFIXES
from elmokit.formats.token_embeddings import read_token_table
from elmokit.pretrained import PretrainedModel
from elmokit.token_tables import words_by_row


@click.command("embed")
@takes_model()
@click.argument("text", metavar="INPUT.txt")
@click.argument("output", metavar="OUTPUT.hdf5", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--layers",
    type=LAYERS,
    default="all",
    show_default=True,
    help="All layers, the top layer, their average, or one layer by its number; 0 is context-free.",
)
@click.option(
    "--token-embeddings",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Precomputed word vectors from `elmokit embed-tokens`; other words run through the encoder.",
)
@batch_size_option
@device_option
def command(
    pretrained: PretrainedModel,
    text: str,
    output: Path,
    layers: Layers,
    token_embeddings: Path | None,
    batch_size: int,
    device: str,
) -> None:
    """Write the vectors of every line of INPUT.txt to OUTPUT.hdf5.

    Tokens are separated by whitespace. Each line becomes a dataset whose key is the line number, from 0, with
    float32 values of shape (layers, tokens, width), or (tokens, width) for one layer. MODEL is anything that
    `elmokit info` accepts.

    \b
    Example:
      elmokit embed model sentences.txt vectors.hdf5 --layers top
    """
    if output.suffix and output.suffix.lower() not in HDF5_SUFFIXES:
        raise OutputError(
            f"{output}: vectors are written as HDF5, not as {output.suffix}: choose a name that ends in .hdf5"
        )
    embedder = ElmoEmbedder(
        pretrained,
        device=device,
        token_table=None
        if token_embeddings is None
        else read_token_table(expanded(token_embeddings), words_by_row(pretrained)),
    )
    paths = find_texts([text])
    if len(paths) > 1:
        raise click.UsageError(
            f"{text}: matches {len(paths)} files, expected one.", click.get_current_context()
        )
    refuse_inputs(output, [] if token_embeddings is None else [token_embeddings])
    with terminal.progress_bar("embedding", total_bytes(paths), "B") as bar:
        num_lines = embedder.embed_file(
            str(paths[0]), output, layers, batch_size=batch_size, on_bytes=bar.update
        )
    shape = (
        f"({embedder.num_layers}, tokens, {embedder.dim})" if layers == "all" else f"(tokens, {embedder.dim})"
    )
    terminal.say(f"{output}: {num_lines:,} lines, each {shape}")

"""elmokit embed: write the vectors of a file to HDF5 or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

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
from elmokit.console.text_form import warn_of_form
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.console.worker_processes import num_processes_option
from elmokit.data.read import total_bytes
from elmokit.files.atomic import refuse_inputs
from elmokit.files.home import expanded
from elmokit.formats.vector_choices import DEFAULT_FILE_BYTES, VectorType
from elmokit.processes import chosen_number

if TYPE_CHECKING:
    from elmokit.embedder import Layers


@verb("embed")
@takes_model()
@click.argument("text", metavar="INPUT.txt")
@takes_output("HDF5 file or .parquet directory to write.", argument="OUTPUT")
@layers_option("all", "what is left out here cannot be had later")
@click.option(
    "--token-embeddings",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Precomputed word vectors from `elmokit embed-tokens`; other words run through the encoder.",
)
@click.option(
    "--dtype",
    type=click.Choice(get_args(VectorType)),
    default="float32",
    show_default=True,
    help="Type of the stored values; int8, with a scale per vector, for .parquet only.",
)
@click.option(
    "--file-size",
    metavar="MB",
    type=click.IntRange(min=1),
    default=DEFAULT_FILE_BYTES >> 20,
    show_default=True,
    help="Size of the files in a .parquet directory, in MiB.",
)
@num_processes_option("each with the whole model and its share of the threads", default=1)
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
    dtype: VectorType,
    file_size: int,
    num_processes: int | None,
    batch_size: int,
    device: str,
    precision: str,
) -> None:
    """Write the vectors of every line of INPUT.txt to OUTPUT.

    Tokens are separated by whitespace. In OUTPUT.hdf5 each line becomes a dataset whose key is the line
    number, from 0, with values of shape (layers, tokens, width), or (tokens, width) for one layer.
    OUTPUT.parquet, for much text, becomes a directory of Parquet files with a row per line, and needs the
    extra `parquet`. MODEL is anything that `elmokit info` accepts; INPUT.txt may be -, the standard input.

    \b
    Example:
      elmokit embed model sentences.txt vectors.hdf5 --layers top
      elmokit embed model corpus.txt.gz vectors.parquet --layers average --dtype int8
    """
    path = find_input(text)
    refuse_inputs(output, [path, *([] if token_embeddings is None else [token_embeddings])])
    from elmokit.formats.vector_files import check_vector_output

    check_vector_output(output, dtype)
    warn_of_form([path])
    pretrained = model.load()
    from elmokit.embedder import ElmoEmbedder
    from elmokit.embedder.token_tables import words_by_row
    from elmokit.formats.token_embeddings import read_token_table

    embedder = ElmoEmbedder(
        pretrained,
        device=device,
        precision=precision,
        token_table=None
        if token_embeddings is None
        else read_token_table(expanded(token_embeddings), words_by_row(pretrained)),
    )
    with terminal.progress_bar("embedding", total_bytes([path]), "B") as bar:
        written = embedder.write_file(
            str(path),
            output,
            layers,
            batch_size=batch_size,
            dtype=dtype,
            num_processes=chosen_number(num_processes),
            file_bytes=file_size << 20,
            on_bytes=bar.update,
        )
    shape = (
        f"({embedder.num_layers}, tokens, {embedder.dim})" if layers == "all" else f"(tokens, {embedder.dim})"
    )
    terminal.report(
        f"{output}: {terminal.counted(written.num_lines, 'line')}, each {shape}",
        output=output,
        num_lines=written.num_lines,
        num_layers=embedder.num_layers if layers == "all" else 1,
        dim=embedder.dim,
        dtype=dtype,
        num_files=written.num_files,
        largest_deviation=written.largest_deviation,
        relative_deviation=written.relative_deviation,
    )
    if dtype != "float32":
        terminal.note(
            f"stored as {dtype}: no value is off by more than {written.largest_deviation:.2g}; all together "
            f"by {written.relative_deviation:.2%} of the vectors' length"
        )

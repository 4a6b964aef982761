"""elmokit embed-tokens: precompute the context-free vectors of a list of words."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from elmokit.console import terminal
from elmokit.console.models import device_option, takes_model
from elmokit.console.token_vectors import encode_in_chunks
from elmokit.data.read import read_lines
from elmokit.errors import OutputError, TextError
from elmokit.formats.token_embeddings import write_token_embeddings
from elmokit.pretrained import PretrainedModel


@click.command("embed-tokens")
@takes_model()
@click.argument("words", metavar="WORDS.txt")
@click.argument("output", metavar="OUTPUT.hdf5", type=click.Path(dir_okay=False, path_type=Path))
@device_option
def command(pretrained: PretrainedModel, words: str, output: Path, device: str) -> None:
    """Write the context-free vectors of WORDS.txt, one word a line, to OUTPUT.hdf5.

    A vocabulary file will do. `elmokit embed --token-embeddings OUTPUT.hdf5` then looks these words
    up instead of running the character encoder; bilm-tf reads the file too. MODEL is anything that
    `elmokit info` reads.

    \b
    Example:
      elmokit embed-tokens model vocab.txt tokens.hdf5
    """
    entries: dict[str, None] = {}
    for number, line in enumerate(read_lines(words), start=1):
        parts = line.split()
        if len(parts) > 1:
            raise TextError(f"{words}:{number}: {len(parts)} words, expected one a line")
        entries.update(dict.fromkeys(parts))
    if not entries:
        raise TextError(f"{words}: no word in it, expected one a line")
    if output.exists() and Path(words).exists() and output.samefile(words):
        raise OutputError(f"{output}: is the list of words itself: write the vectors elsewhere")
    chunks = []
    with terminal.progress_bar("encoding", len(entries), "word") as bar:
        for chunk in encode_in_chunks(pretrained, list(entries), device=device):
            chunks.append(chunk)
            bar.update(len(chunk))
    vectors = np.concatenate(chunks)
    write_token_embeddings(output, list(entries), vectors)
    terminal.say(f"{output}: {len(entries):,} words of width {vectors.shape[1]}")

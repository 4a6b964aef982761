"""elmokit embed-tokens: precompute the context-free vectors of a list of words."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_input
from elmokit.console.models import GivenModel, device_option, takes_model
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.data.read import read_lines
from elmokit.errors import TextError
from elmokit.files.atomic import refuse_inputs


@verb("embed-tokens")
@takes_model()
@click.argument("words", metavar="WORDS.txt")
@takes_output("HDF5 file to write.", argument="OUTPUT.hdf5", dir_okay=False)
@json_option
@device_option
@threads_option
def command(model: GivenModel, words: str, output: Path, device: str) -> None:
    """Write the context-free vectors of WORDS.txt, one word per line, to OUTPUT.hdf5.

    WORDS.txt can be a vocabulary file. `elmokit embed --token-embeddings OUTPUT.hdf5` then looks these words
    up instead of running the character encoder; bilm-tf reads the file, too. MODEL is anything that
    `elmokit info` accepts.

    \b
    Example:
      elmokit embed-tokens model vocab.txt tokens.hdf5
    """
    path = str(find_input(words))
    entries = _read_words(path)
    pretrained = model.load()
    refuse_inputs(output, [path, pretrained.source])
    import numpy as np

    from elmokit.embedder import ElmoEmbedder
    from elmokit.formats.token_embeddings import write_token_embeddings

    embedder = ElmoEmbedder(pretrained, device=device)
    chunks = []
    with terminal.progress_bar("encoding", len(entries), "word") as bar:
        for chunk in embedder.encode_chunks(entries):
            chunks.append(chunk)
            bar.update(len(chunk))
    vectors = np.concatenate(chunks)
    write_token_embeddings(output, entries, vectors, encoder=embedder.encoder_fingerprint)
    terminal.report(
        f"{output}: {terminal.counted(len(entries), 'word')} of width {vectors.shape[1]}",
        output=output,
        num_words=len(entries),
        dim=vectors.shape[1],
    )


def _read_words(path: str) -> list[str]:
    """Read the distinct words of a file with one word per line."""
    words: dict[str, None] = {}
    for number, line in enumerate(read_lines(path), start=1):
        parts = line.split()
        if len(parts) > 1:
            raise TextError(f"{path}:{number}: {len(parts)} words, expected one per line")
        words.update(dict.fromkeys(parts))
    if not words:
        raise TextError(f"{path}: the file has no words, expected one per line")
    return list(words)

"""elmokit convert: write a model in another format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from elmokit.console import terminal
from elmokit.console.models import takes_model
from elmokit.console.token_vectors import encode_in_chunks
from elmokit.errors import ModelFileError
from elmokit.formats.token_embeddings import write_token_embeddings
from elmokit.formats.word_vectors import write_word2vec
from elmokit.pretrained import PretrainedModel

_FORMATS = ("elmokit", "bilm", "token-embeddings", "word2vec", "word2vec-binary")


@click.command("convert")
@takes_model()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    required=True,
    help="elmokit and bilm: DEST is a directory; the others: a file.",
)
@click.option("--half-precision", is_flag=True, help="With elmokit: 16 bits a number, for half the size.")
def command(pretrained: PretrainedModel, dest: Path, format_: str, half_precision: bool) -> None:
    """Write MODEL, which is anything that `elmokit info` reads, in another format.

    \b
    elmokit           model directory: config.json, model.safetensors, vocab.txt,
                      and a model card; what a Hugging Face repository holds
    bilm              options.json, weights.hdf5, vocab.txt, and the softmax in
                      softmax_weights.hdf5: what every other ELMo tool reads
    token-embeddings  HDF5 of the context-free vectors of the model's vocabulary
    word2vec          the same as text that gensim and word2vec read
    word2vec-binary   the same in word2vec's binary form

    \b
    Example:
      elmokit convert model elmo --format bilm
    """
    if half_precision and format_ != "elmokit":
        raise click.UsageError(
            f"--half-precision is for --format elmokit: {format_} has 32 bits a number",
            click.get_current_context(),
        )
    if format_ == "elmokit":
        pretrained.save_pretrained(dest, half_precision=half_precision)
        terminal.say(f"wrote {dest}")
        return
    if format_ == "bilm":
        files = pretrained.save_bilm(dest, with_softmax=True)
        terminal.say(f"wrote {', '.join(map(str, files))}")
        return
    vocabulary = pretrained.vocabulary
    if vocabulary is None:
        raise ModelFileError(
            f"{pretrained.source}: which words? "
            + (
                pretrained.vocabulary_problem
                or "put vocab.txt beside the weights, or name it with --vocab-file"
            )
        )
    words = vocabulary.words
    dim = pretrained.config.model.lstm.projection_dim
    with terminal.progress_bar("encoding", len(words), "word") as bar:

        def chunks() -> Iterator[np.ndarray]:
            for chunk in encode_in_chunks(pretrained, words):
                yield chunk
                bar.update(len(chunk))

        if format_ == "token-embeddings":
            write_token_embeddings(dest, words, np.concatenate(list(chunks())))
        else:
            write_word2vec(dest, words, chunks(), dim=dim, binary=format_ == "word2vec-binary")
    terminal.say(f"{dest}: {len(words):,} words of width {dim}")

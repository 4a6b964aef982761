"""elmokit convert: write a model in another format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from elmokit.console import terminal
from elmokit.console.models import takes_model
from elmokit.embedder import ElmoEmbedder
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
    help="Format to write; DEST is a directory for elmokit and bilm, else a file.",
)
@click.option(
    "--half-precision",
    is_flag=True,
    help="With --format elmokit: store 16-bit weights, half the size.",
)
def command(pretrained: PretrainedModel, dest: Path, format_: str, half_precision: bool) -> None:
    """Write MODEL, which is anything that `elmokit info` accepts, in another format.

    \b
    elmokit           model directory with config.json, model.safetensors,
                      vocab.txt and a model card, as in a Hugging Face repository
    bilm              options.json, weights.hdf5 and vocab.txt, which every other
                      ELMo tool reads; the softmax is in softmax_weights.hdf5
    token-embeddings  context-free vectors of the vocabulary, as HDF5
    word2vec          the same vectors as text, for gensim and word2vec
    word2vec-binary   the same vectors in word2vec's binary format

    \b
    Example:
      elmokit convert model elmo --format bilm
    """
    if half_precision and format_ != "elmokit":
        raise click.UsageError(
            f"--half-precision requires --format elmokit: {format_} always stores 32 bits",
            click.get_current_context(),
        )
    holds_model = dest.is_dir() and any(dest.iterdir())
    verb = "replaced" if holds_model else "wrote"
    if format_ == "elmokit":
        pretrained.save_pretrained(dest, half_precision=half_precision)
        terminal.say(f"{verb} {dest}")
        return
    if format_ == "bilm":
        files = pretrained.save_bilm(dest, with_softmax=True)
        terminal.say(f"{verb} {', '.join(map(str, files))}")
        return
    _write_word_vectors(pretrained, dest, format_)


def _write_word_vectors(pretrained: PretrainedModel, dest: Path, format_: str) -> None:
    """Write the context-free vectors of the vocabulary."""
    vocabulary = pretrained.vocabulary
    if vocabulary is None:
        reason = pretrained.vocabulary_problem or (
            "put vocab.txt next to the weights, or give it with --vocab-file"
        )
        raise ModelFileError(f"{pretrained.source}: no vocabulary, so there are no words to write: {reason}")
    words = vocabulary.without_unreachable().words
    dim = pretrained.config.model.lstm.projection_dim
    embedder = ElmoEmbedder(pretrained, device="auto")
    with terminal.progress_bar("encoding", len(words), "word") as bar:

        def chunks() -> Iterator[np.ndarray]:
            for chunk in embedder.encode_chunks(words):
                yield chunk
                bar.update(len(chunk))

        if format_ == "token-embeddings":
            vectors = np.concatenate(list(chunks()))
            write_token_embeddings(dest, words, vectors, encoder=embedder.encoder_fingerprint)
        else:
            write_word2vec(dest, words, chunks(), dim=dim, binary=format_ == "word2vec-binary")
    terminal.say(f"{dest}: {len(words):,} words of width {dim}")

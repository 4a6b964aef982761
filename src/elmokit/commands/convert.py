"""elmokit convert: write a model in another format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elmokit.console import terminal
from elmokit.console.models import GivenModel, device_option, takes_model
from elmokit.console.modes import json_option
from elmokit.console.outputs import STDOUT, takes_output, text_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import checked, verb
from elmokit.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

    from elmokit.pretrained import PretrainedModel

_FORMATS = ("elmokit", "bilm", "token-embeddings", "word2vec", "word2vec-binary")


def _check(values: Mapping[str, Any]) -> Iterator[str]:
    format_ = values.get("format_")
    if values.get("half_precision") and format_ not in (None, "elmokit"):
        yield f"--half-precision requires --format elmokit: {format_} always stores 32 bits"
    if STDOUT in (values.get("output"), values.get("output_argument")) and format_ not in (None, "word2vec"):
        yield f"--format {format_}: expected a path, only word2vec's text can go to the standard output"


@verb("convert")
@checked(_check)
@takes_model()
@takes_output("Directory or file to write.", argument="DEST", may_be_stdout=True)
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
@json_option
@device_option
@threads_option
def command(model: GivenModel, output: Path, format_: str, half_precision: bool, device: str) -> None:
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
    pretrained = model.load()
    verb_done = "replaced" if output.is_dir() and any(output.iterdir()) else "wrote"
    if format_ == "elmokit":
        pretrained.save_pretrained(output, half_precision=half_precision)
        terminal.report(f"{verb_done} {output}", output=output)
        return
    if format_ == "bilm":
        files = pretrained.save_bilm(output, with_softmax=True)
        terminal.report(
            f"{verb_done} {', '.join(map(str, files))}", output=output, files=list(map(str, files))
        )
        return
    with text_output(output) as path:
        num_words, dim = _write_word_vectors(pretrained, path, format_, device)
    counted = terminal.counted(num_words, "word")
    terminal.report(f"{output}: {counted} of width {dim}", output=output, num_words=num_words, dim=dim)


def _write_word_vectors(
    pretrained: PretrainedModel, dest: Path, format_: str, device: str
) -> tuple[int, int]:
    """Write the context-free vectors of the vocabulary; return their number and width."""
    import numpy as np

    from elmokit.embedder import ElmoEmbedder
    from elmokit.formats.token_embeddings import write_token_embeddings
    from elmokit.formats.word_vectors import write_word2vec

    vocabulary = pretrained.vocabulary
    if vocabulary is None:
        reason = pretrained.vocabulary_problem or (
            "put vocab.txt next to the weights, or give it with --vocab-file"
        )
        raise ModelFileError(f"{pretrained.source}: no vocabulary, so there are no words to write: {reason}")
    words = vocabulary.without_unreachable().words
    dim = pretrained.config.model.lstm.projection_dim
    embedder = ElmoEmbedder(pretrained, device=device)
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
    return len(words), dim

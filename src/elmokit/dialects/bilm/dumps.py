"""Writing token vectors, sentence vectors and weights to HDF5, as bilm-tf does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elmokit.arguments import checked, yes_or_no
from elmokit.data.read import read_lines
from elmokit.dialects.bilm.batchers import read_words
from elmokit.dialects.bilm.foreign import refuse_lexicon
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.files.home import expanded
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.formats.sentence_vectors import write_sentence_vectors
from elmokit.formats.token_embeddings import write_token_embeddings
from elmokit.loading import load


@checked
def dump_token_embeddings(
    vocab_file: str | Path, options_file: str | Path | None, weight_file: str | Path, outfile: str | Path
) -> None:
    """Write the context-free vectors of a vocabulary to HDF5: ``embedding`` (V, P), one row per line.

    Args:
        vocab_file: the words, one per line; see :class:`TokenBatcher`.
        options_file: path or URL of an ``options.json``; None for the one that belongs to the weights.
        weight_file: path or URL of HDF5 weights, or a model in any format that :func:`elmokit.load` reads.
        outfile: the HDF5 file, which appears once it is complete.

    Raises:
        VocabularyError: if ``<S>`` or ``</S>`` is missing.
        TextError: if the vocabulary cannot be read.
        ModelFileError: if the model's files are missing, damaged or do not match.
        ConfigError: if the model has no character encoder.
        OutputError: if the file cannot be written.
    """
    words = read_words(vocab_file)
    pretrained = load(weight_file, options=options_file)
    refuse_lexicon(pretrained, weight_file)
    if pretrained.config.model.char_cnn is None:
        raise ConfigError(
            f"{weight_file}: this model has word embeddings, which are its token vectors already: expected a "
            "model with characters"
        )
    embedder = ElmoEmbedder(pretrained)
    vectors = np.concatenate(list(embedder.encode_chunks(words)))
    write_token_embeddings(expanded(outfile), words, vectors, encoder=embedder.encoder_fingerprint)


@checked
def dump_bilm_embeddings(
    vocab_file: str | Path | None,
    dataset_file: str | Path,
    options_file: str | Path | None,
    weight_file: str | Path,
    outfile: str | Path,
    *,
    stateful: bool = False,
) -> None:
    """Write all layers of every line of a tokenized text to HDF5.

    The file has one dataset (L, n_tokens, D) float32 per line, with the line number from 0 as its key.

    Args:
        vocab_file: has no effect, see :class:`Batcher`.
        dataset_file: the text, one sentence per line.
        options_file: path or URL of an ``options.json``; None for the one that belongs to the weights.
        weight_file: path or URL of HDF5 weights, or a model in any format that :func:`elmokit.load` reads.
        outfile: the HDF5 file, which appears once it is complete.
        stateful: carry the LSTM state from line to line, as bilm-tf does.

    Raises:
        TextError: if the text cannot be read.
        ModelFileError: if the model's files are missing, damaged or do not match.
        OutputError: if the file cannot be written.
    """
    embedder = ElmoEmbedder(load(weight_file, options=options_file))
    if yes_or_no("stateful", stateful):
        write_sentence_vectors(expanded(outfile), _stateful_vectors(embedder, dataset_file))
    else:
        embedder.embed_file(dataset_file, outfile)


@checked
def dump_weights(tf_save_dir: str | Path, outfile: str | Path) -> None:
    """Write a trained model's weights to HDF5, without its softmax.

    The options are not written; ``elmokit dump-weights`` writes them beside the weights.

    Args:
        tf_save_dir: a training directory of bilm-tf or of elmokit.
        outfile: the HDF5 file.

    Raises:
        ModelFileError: if there is no checkpoint, or it is damaged.
        ConfigError: if bilm-tf has no such model.
        OutputError: if the file cannot be written.
    """
    pretrained = load(tf_save_dir)
    refuse_lexicon(pretrained, tf_save_dir)
    write_weights(expanded(outfile), pretrained.config.model, dict(pretrained.model.named_parameters()))


def _stateful_vectors(embedder: ElmoEmbedder, text: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    state = embedder.zero_state(1)
    for number, line in enumerate(read_lines(str(text))):
        (vectors,), state = embedder.embed_statefully([line.split()], state)
        yield str(number), vectors

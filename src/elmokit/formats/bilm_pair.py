"""HDF5 weights of bilm-tf with their ``options.json``, and optionally the softmax and the vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

from elmokit.config import Config
from elmokit.errors import ConfigError, OutputError
from elmokit.files.atomic import Kind, new_files
from elmokit.files.json_table import read_json
from elmokit.formats.bilm_files import VOCABULARY_FILES, beside_options, find_options, find_vocabulary
from elmokit.formats.bilm_hdf5 import fill_softmax, fill_weights, read_tensors, softmax_size
from elmokit.formats.bilm_hdf5_files import HDF5_SUFFIXES, find_softmax, find_weights, holds_hdf5
from elmokit.formats.bilm_names import SOFTMAX_NAMES, bilm_layout, dataset_names
from elmokit.formats.hdf5_kinds import SOFTMAX, WEIGHTS
from elmokit.formats.parts import ModelParts
from elmokit.formats.stored import Layout, ReadRequest, StoredModel
from elmokit.formats.vocabulary_rows import read_vocabulary
from elmokit.model.parameter_shapes import parameter_shapes

DESCRIPTION = "options.json with HDF5 weights"
HAS_SEPARATE_OPTIONS = True

_SOFTMAX_FILE = "softmax_weights.hdf5"


def matches(path: Path) -> bool:
    """Return whether ``path`` is an HDF5 file or a directory that contains one."""
    return holds_hdf5(path) if path.is_dir() else path.is_file() and path.suffix in HDF5_SUFFIXES


def read(path: Path, request: ReadRequest) -> StoredModel:
    """Read HDF5 weights.

    Args:
        path: the file of weights, or a directory with one such file; the names of all files are free.
        request: where options and vocabulary are, unless they are beside the weights.

    Raises:
        ModelFileError: when a file is missing or damaged, or several files could be the weights.
        ConfigError: when the options are wrong.
    """
    weights, softmax = find_weights(path) if path.is_dir() else (path, None)
    home = beside_options(weights)
    if softmax is None and (path.is_file() or home != weights):
        softmax = find_softmax(home)
    options = request.options or find_options(home)
    config = Config.of_model(options)
    num_words, size_source = _stored_size(options, config, softmax)
    words = read_vocabulary(
        request.vocabulary or find_vocabulary(weights.parent) or find_vocabulary(home.parent),
        num_words,
        size_source,
        config.model,
    )
    if num_words is None and words.vocabulary is not None:
        num_words = len(words.vocabulary)
    if config.model.char_cnn is None and num_words is None:
        raise ConfigError(f"{options}: n_tokens_vocab: expected the number of word embeddings, got None")
    layout = _layout(options, config, num_words, softmax)
    tensors, unread = read_tensors(weights, layout, is_weight=_is_weight)
    if softmax is not None:
        more, more_unread = read_tensors(softmax, layout, is_weight=lambda _: False, prefix=_prefix(softmax))
        tensors |= more
        unread |= more_unread
    return StoredModel(
        weights,
        config,
        num_words,
        tensors,
        layout,
        unread=unread,
        vocabulary=words.vocabulary,
        vocabulary_rows=words.rows,
        vocabulary_problem=words.problem,
    )


def write(parts: ModelParts, weights: Path, *, with_softmax: bool = False) -> list[Path]:
    """Write ``options.json`` and HDF5 weights, the vocabulary and, in a file of its own, the softmax.

    Args:
        parts: the model.
        weights: the HDF5 file; everything else is written beside it.
        with_softmax: write ``softmax_weights.hdf5`` too, if the model has a softmax.

    Returns:
        The files, the weights first.

    Raises:
        ConfigError: when the format cannot hold the model.
        OutputError: when a file cannot be written, or files of another model are there.
    """
    vocabulary, config = parts.vocabulary, parts.config
    options = config.to_bilm_options(num_words=parts.num_words)
    texts = {weights.with_name("options.json"): json.dumps(options, indent=1) + "\n"}
    if vocabulary is not None:
        texts[weights.with_name("vocab.txt")] = "\n".join(vocabulary.words) + "\n"
    with_softmax = with_softmax and parts.has_softmax
    _refuse_stale_files(weights, texts, config, with_softmax=with_softmax)
    kinds: dict[Path, Kind | None] = {weights: WEIGHTS}
    if with_softmax:
        kinds[weights.with_name(_SOFTMAX_FILE)] = SOFTMAX
    kinds |= dict.fromkeys(texts)
    with new_files(kinds) as temporary:
        fill_weights(temporary[weights], config.model, parts.parameters)
        if with_softmax:
            weight_name = "encoder.weight" if config.model.tie_softmax else "softmax.weight"
            tensors = parts.parameters[weight_name], parts.parameters["softmax.bias"]
            fill_softmax(temporary[weights.with_name(_SOFTMAX_FILE)], *tensors)
        for path, text in texts.items():
            temporary[path].write_text(text, encoding="utf-8")
    return list(kinds)


def _refuse_stale_files(weights: Path, texts: dict[Path, str], config: Config, *, with_softmax: bool) -> None:
    """Refuse to write beside files that would later be read as part of the new model."""
    stale = [path for path, text in texts.items() if path.exists() and _text_of(path) != text]
    if weights.with_name("vocab.txt") not in texts:
        stale += [path for name in VOCABULARY_FILES if (path := weights.with_name(name)).exists()]
    if not with_softmax and weights.with_name(_SOFTMAX_FILE).exists():
        stale.append(weights.with_name(_SOFTMAX_FILE))
    if stale:
        names = ", ".join(map(str, stale))
        whose = "belongs to another model"
        if stale == [weights.with_name("options.json")] and _describes(stale[0], config):
            whose = "holds the training options of this model, which other tools cannot use with its weights"
        raise OutputError(f"{names}: already exists and {whose}: choose another directory")


def _describes(options: Path, config: Config) -> bool:
    try:
        return Config.load(options).model == config.model
    except ConfigError:
        return False


def _layout(options: Path, config: Config, num_words: int | None, softmax: Path | None) -> Layout:
    names = dataset_names(config.model)
    shapes = parameter_shapes(config.model, num_words, with_softmax=False, source=options)
    if softmax is not None:
        assert num_words is not None
        names |= {ours: _prefix(softmax) + theirs for ours, theirs in SOFTMAX_NAMES.items()}
        shapes["softmax.weight"] = (num_words, config.model.lstm.projection_dim)
        shapes["softmax.bias"] = (num_words,)
    return bilm_layout(names, shapes)


def _prefix(softmax: Path) -> str:
    """Return what distinguishes tensors of the softmax file from those of the weights."""
    return f"{softmax.name}: "


def _is_weight(name: str) -> bool:
    """Return whether a dataset is a weight, which the options must describe; any other one is ignored."""
    return name.startswith(("CNN", "RNN_", "rnn/")) or name in ("char_embed", "embedding")


def _stored_size(options: Path, config: Config, softmax: Path | None) -> tuple[int | None, str]:
    """Return V as the files state it, and what states it."""
    if softmax is not None:
        size = softmax_size(softmax)
        return size, f"{softmax.name} predicts {size}"
    if config.model.char_cnn is not None:
        return None, ""
    size = read_json(options).get("n_tokens_vocab")
    if size is not None and (type(size) is not int or size < 1):
        raise ConfigError(f"{options}: n_tokens_vocab: expected the number of word embeddings, got {size!r}")
    return size, f"n_tokens_vocab={size}"


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

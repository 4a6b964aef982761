"""The pair that every ELMo tool reads: ``options.json`` and HDF5 weights, and what may lie beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmokit.config import Config
from elmokit.errors import ConfigError, ModelFileError, OutputError
from elmokit.files.atomic import write_text
from elmokit.formats.bilm_hdf5 import (
    content_of,
    read_softmax,
    read_weights,
    softmax_size,
    write_softmax,
    write_weights,
)
from elmokit.formats.vocabulary_rows import read_vocabulary, with_rows
from elmokit.pretrained import PretrainedModel, expected_shapes, model_from_tensors

HDF5_SUFFIXES = (".hdf5", ".h5")
_VOCABULARY_FILES = ("vocab.txt", "vocab.txt.gz")
_SOFTMAX_FILE = "softmax_weights.hdf5"


def read_bilm_pair(
    weights: Path,
    options: Path,
    *,
    softmax: Path | None = None,
    vocabulary: Path | None = None,
) -> PretrainedModel:
    """Read a biLM from HDF5.

    Args:
        weights: what the original dumped.
        options: the ``options.json``.
        softmax: HDF5 file with ``softmax/W`` and ``softmax/b``.
        vocabulary: one word a line.

    Raises:
        ModelFileError: when a file is damaged, or tensors do not fit the options.
        ConfigError: when the options are wrong.
    """
    config = Config.load(options)
    num_words, where = _stored_size(options, config, softmax)
    words = read_vocabulary(vocabulary, num_words, where, config.model)
    if num_words is None and words.vocabulary is not None:
        num_words = len(words.vocabulary)
    if config.model.char_cnn is None and num_words is None:
        raise ConfigError(f"{options}: n_tokens_vocab: expected the number of word embeddings, got None")

    shapes = expected_shapes(config, num_words, with_softmax=False, source=options)
    tensors = read_weights(weights, config.model, shapes)
    if softmax is not None:
        assert num_words is not None
        tensors |= read_softmax(softmax, config.model, num_words)
    tensors = with_rows(tensors, words.rows)
    model = model_from_tensors(config, num_words, tensors, with_softmax=softmax is not None)
    return PretrainedModel(
        model,
        config,
        words.vocabulary,
        weights,
        vocabulary_fault=words.fault,
        vocabulary_rows=words.rows,
    )


def find_weights(directory: Path) -> tuple[Path, Path | None]:
    """The weights of a directory, and their softmax if there is one, whatever their names.

    Raises:
        ModelFileError: when there is none of a kind, or more than one; all candidates are named.
    """
    files = {path: content_of(path) for path in sorted(directory.iterdir()) if path.suffix in HDF5_SUFFIXES}
    softmax = [path for path, content in files.items() if content == "softmax"]
    # Vectors may lie there too; but damaged weights shall not give way to others.
    weights = [path for path, content in files.items() if content in ("weights", "unknown")]
    weights = weights or [path for path, content in files.items() if content == "other"]
    if len(weights) != 1 or len(softmax) > 1:
        kind = "file of weights" if len(weights) != 1 else "softmax file at most"
        names = ", ".join(path.name for path in (weights if len(weights) != 1 else softmax)) or "none"
        raise ModelFileError(f"{directory}: expected one HDF5 {kind}, got {names}: name the file itself")
    return weights[0], softmax[0] if softmax else None


def holds_hdf5(directory: Path) -> bool:
    """Whether there is an HDF5 file in a directory."""
    return any(path.suffix in HDF5_SUFFIXES for path in directory.iterdir())


def find_softmax(weights: Path) -> Path | None:
    """The softmax that belongs to a file of weights: named alike, or the only one beside the only weights."""
    named_alike = weights.with_name(f"{weights.stem.replace('weights', 'softmax_weights')}{weights.suffix}")
    if named_alike != weights and named_alike.is_file():
        return named_alike
    try:
        only_weights, softmax = find_weights(weights.parent)
    except ModelFileError:
        return None
    return softmax if only_weights == weights else None


def find_options(weights: Path) -> Path:
    """The options beside a file of weights.

    Raises:
        ModelFileError: when there are none, or several that could be meant.
    """
    named_alike = weights.with_name(f"{weights.stem.replace('weights', 'options')}.json")
    for path in (weights.with_name("options.json"), named_alike):
        if path.is_file():
            return path
    candidates = [path for path in sorted(weights.parent.glob("*.json")) if _looks_like_options(path)]
    if len(candidates) != 1:
        names = ", ".join(path.name for path in candidates) or "none"
        raise ModelFileError(
            f"{weights.with_name('options.json')}: missing: the geometry of {weights.name} stands there "
            f"(.json files with options here: {names})"
        )
    return candidates[0]


def find_vocabulary(directory: Path) -> Path | None:
    """The vocabulary in a directory, if there is one: ``vocab.txt``, or the only file that is named so."""
    for name in _VOCABULARY_FILES:
        if (directory / name).is_file():
            return directory / name
    named_alike = [*directory.glob("vocab*.txt"), *directory.glob("vocab*.txt.gz")]
    return named_alike[0] if len(named_alike) == 1 else None


def write_bilm_pair(pretrained: PretrainedModel, weights: Path, *, with_softmax: bool = False) -> list[Path]:
    """Write ``options.json`` and HDF5 weights, the vocabulary and, in a file of its own, the softmax.

    Args:
        pretrained: the model.
        weights: the HDF5 file; everything else goes beside it.
        with_softmax: write ``softmax_weights.hdf5`` too, where the model has a softmax of its own.

    Returns:
        The files, the weights first.

    Raises:
        OutputError: when a file cannot be written, or files of another model lie there.
    """
    vocabulary, model = pretrained.vocabulary, pretrained.model
    options = pretrained.config.to_bilm_options(num_words=model.num_words)
    texts = {weights.with_name("options.json"): json.dumps(options, indent=1) + "\n"}
    if vocabulary is not None:
        texts[weights.with_name("vocab.txt")] = "\n".join(vocabulary.words) + "\n"
    softmax = model.softmax if with_softmax else None
    stale = [path for path, text in texts.items() if path.exists() and _text_of(path) != text]
    # Whoever reads the new weights would take these for theirs.
    if vocabulary is None:
        stale += [path for name in _VOCABULARY_FILES if (path := weights.with_name(name)).exists()]
    if softmax is None and weights.with_name(_SOFTMAX_FILE).exists():
        stale.append(weights.with_name(_SOFTMAX_FILE))
    if stale:
        names = ", ".join(map(str, stale))
        raise OutputError(f"{names}: already there and of another model: write into another directory")
    files = [weights]
    write_weights(weights, pretrained.config.model, dict(model.named_parameters()))
    if softmax is not None:
        files.append(weights.with_name(_SOFTMAX_FILE))
        write_softmax(files[-1], softmax)
    for path, text in texts.items():
        write_text(path, text)
    return [*files, *texts]


def _stored_size(options: Path, config: Config, softmax: Path | None) -> tuple[int | None, str]:
    """V as the files themselves tell it, and where they do."""
    if softmax is not None:
        size = softmax_size(softmax)
        return size, f"{softmax.name} predicts {size}"
    if config.model.char_cnn is not None:
        return None, ""
    size = json.loads(options.read_text(encoding="utf-8")).get("n_tokens_vocab")
    if size is not None and (type(size) is not int or size < 1):
        raise ConfigError(f"{options}: n_tokens_vocab: expected the number of word embeddings, got {size!r}")
    return size, f"n_tokens_vocab={size}"


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _looks_like_options(path: Path) -> bool:
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and "lstm" in values

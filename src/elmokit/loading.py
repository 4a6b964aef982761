"""Loading a model, whatever form it has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from elmokit.data.text_file import is_url
from elmokit.errors import ConfigError, ElmokitError, FetchError, MissingModelError, ModelFileError
from elmokit.files.archive import extracted
from elmokit.formats.bilm_pair import (
    HDF5_SUFFIXES,
    find_options,
    find_softmax,
    find_vocabulary,
    find_weights,
    holds_hdf5,
    read_bilm_pair,
)
from elmokit.formats.bilm_run import checkpoint_prefix, read_bilm_run
from elmokit.formats.checkpoint import is_checkpoint
from elmokit.formats.elmoformanylangs import is_elmoformanylangs, read_elmoformanylangs
from elmokit.formats.model_directory import is_model_directory, read_model_directory
from elmokit.formats.training_run import read_training_checkpoint, read_training_run
from elmokit.pretrained import PretrainedModel, model_from_tensors
from elmokit.repository.bundled import shipped_model
from elmokit.repository.fetch import fetch_file, fetch_model, is_published
from elmokit.repository.hub import fetch_snapshot

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_EXPECTED = (
    "expected a training run's save directory, a model directory (config.json, model.safetensors), "
    "options.json with HDF5 weights, a TensorFlow checkpoint of bilm-tf with options.json, an "
    "ELMoForManyLangs model, a ZIP of one of these, a URL, the name of a published model or a Hugging Face id"
)


def load(
    model: str | Path,
    *,
    options: str | Path | None = None,
    vocabulary: str | Path | None = None,
    softmax: bool = False,
    optimizer: bool = False,
) -> PretrainedModel:
    """Load a model from any of these, told apart by looking:

    - the name of the model that comes with the package, ``tiny-en``;
    - the save directory of a training run: its best checkpoint, or the last without heldout text; or one
      of its checkpoints;
    - a model directory, as :meth:`PretrainedModel.save_pretrained` writes it;
    - a directory with HDF5 weights and their options of whatever names, optionally a softmax in an HDF5
      file of its own and ``vocab.txt`` or ``vocab.txt.gz``; or such a file of weights;
    - a bilm-tf training directory with TensorFlow checkpoints, or the prefix of one checkpoint;
    - an ELMoForManyLangs model;
    - a ZIP archive of any of these directories;
    - a URL of a ZIP archive or of HDF5 weights, or the name of a published model such as ``original``;
    - a Hugging Face id such as ``me/my-elmo``.

    Args:
        model: what to load. A path that exists comes before a name.
        options: the options of HDF5 weights or of a TensorFlow checkpoint, where they lie elsewhere.
        vocabulary: the vocabulary of such weights, where it lies elsewhere.
        softmax: of a published model by name, fetch the softmax too: it is large, and only needed to
            predict words. Every other model has it loaded anyway, if it is there.
        optimizer: load where the optimizer of its training stood as well, to train on from there. Training
            runs and TensorFlow checkpoints have that.

    Raises:
        ModelFileError: when there is no model, or its weights are damaged or do not fit.
        CheckpointError: when a checkpoint is damaged.
        ConfigError: when its options are wrong.
        FetchError: when it cannot be had from elsewhere.
    """
    if options is not None or vocabulary is not None:
        return _load_bilm(_local(model, softmax), options, vocabulary, optimizer)
    return _load(_local(model, softmax), optimizer)


def _local(model: str | Path, softmax: bool) -> Path:
    """Where a model lies on this machine; fetched first, if need be."""
    path, name = Path(model), str(model)
    try:
        if path.exists() or path.with_name(f"{path.name}.index").exists():
            return path
    except OSError as error:  # such as a name that is too long
        raise ModelFileError(f"{name[:80]}: cannot look there: {error.strerror}") from None
    if shipped := shipped_model(name):
        return shipped
    if is_published(name):
        return fetch_model(name, softmax=softmax)
    if is_url(name):
        return fetch_model(name)
    try:
        if _HUB_ID.fullmatch(name) and not path.parent.exists():
            return fetch_snapshot(name)
        if not path.suffix and len(path.parts) == 1:
            return fetch_model(name)  # which knows the names that come close
    except FetchError as error:
        raise MissingModelError(f"{path}: no such file or directory, and {error}") from None
    raise MissingModelError(f"{path}: no such file or directory: {_EXPECTED}")


def _load(path: Path, optimizer: bool) -> PretrainedModel:
    if path.is_file():
        if path.suffix in HDF5_SUFFIXES:
            return read_bilm_pair(
                path,
                find_options(path),
                softmax=find_softmax(path),
                vocabulary=find_vocabulary(path.parent),
            )
        with extracted(path) as directory:
            try:
                pretrained = _load(directory, optimizer)
            except ElmokitError as error:
                error.args = (str(error).replace(str(directory), str(path)),)
                raise
            # The files are gone when it has been read; the archive is the source.
            fault = pretrained.vocabulary_fault
            return dataclasses.replace(
                pretrained,
                source=path,
                vocabulary_fault=None if fault is None else fault.replace(str(directory), str(path)),
            )
    if not path.is_dir():
        return read_bilm_run(
            path, find_options(path), vocabulary=find_vocabulary(path.parent), with_optimizer=optimizer
        )
    if (path / "checkpoints").is_dir():
        return read_training_run(path, with_optimizer=optimizer)
    if is_checkpoint(path):
        return read_training_checkpoint(path, with_optimizer=optimizer)
    if is_model_directory(path):
        return read_model_directory(path)
    if is_elmoformanylangs(path):
        found = read_elmoformanylangs(path)
        model = model_from_tensors(found.config, None, found.parameters, with_softmax=False)
        return PretrainedModel(model, found.config, None, path, lexicon=found.lexicon)
    prefix = checkpoint_prefix(path)
    if prefix is not None:
        return read_bilm_run(
            prefix, find_options(prefix), vocabulary=find_vocabulary(path), with_optimizer=optimizer
        )
    if holds_hdf5(path):
        weights, softmax = find_weights(path)
        return read_bilm_pair(
            weights, find_options(weights), softmax=softmax, vocabulary=find_vocabulary(path)
        )
    raise ModelFileError(f"{path}: no model in this directory: {_EXPECTED}")


def _load_bilm(
    path: Path, options: str | Path | None, vocabulary: str | Path | None, optimizer: bool
) -> PretrainedModel:
    """HDF5 weights or a TensorFlow checkpoint, with options or a vocabulary from elsewhere."""
    directory = path if path.is_dir() else path.parent
    words = find_vocabulary(directory) if vocabulary is None else _local_file(vocabulary)
    prefix = checkpoint_prefix(path) if path.is_dir() else None if path.exists() else path
    if prefix is not None:
        settings = find_options(prefix) if options is None else _local_file(options)
        return read_bilm_run(prefix, settings, vocabulary=words, with_optimizer=optimizer)
    if not (holds_hdf5(path) if path.is_dir() else path.suffix in HDF5_SUFFIXES):
        raise ConfigError(f"{path}: options and vocabulary are for HDF5 weights and TensorFlow checkpoints")
    weights, softmax = find_weights(path) if path.is_dir() else (path, find_softmax(path))
    settings = find_options(weights) if options is None else _local_file(options)
    return read_bilm_pair(weights, settings, softmax=softmax, vocabulary=words)


def _local_file(file: str | Path) -> Path:
    path = fetch_file(str(file)) if is_url(str(file)) else Path(file)
    if not path.is_file():
        raise MissingModelError(f"{path}: no such file")
    return path

"""Loading a model of any format from anywhere."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from elmokit.arguments import checked, yes_or_no
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.files.archive import extracted
from elmokit.formats import bilm_pair, model_directory, training_run
from elmokit.formats.elmoformanylangs import directory as elmoformanylangs
from elmokit.formats.not_a_model import what_to_name
from elmokit.formats.stored import Format, ReadRequest, StoredModel
from elmokit.formats.tensorflow import run as tensorflow_run
from elmokit.pretrained import PretrainedModel, build
from elmokit.repository.locate import OTHER_SOURCES, locate_file, locate_model

_logger = logging.getLogger(__name__)

FORMATS: list[Format] = [training_run, model_directory, elmoformanylangs, tensorflow_run, bilm_pair]
"""All formats that can be read. The first one that matches a path reads it."""


@checked
def load(
    model: str | Path,
    *,
    options: str | Path | None = None,
    vocabulary: str | Path | None = None,
    softmax: bool = False,
    optimizer: bool = False,
) -> PretrainedModel:
    """Load a model. The format is detected automatically:

    - the name of the bundled model, ``tiny-en``;
    - the save directory of a training run: its best checkpoint, or the last one without heldout text; or one
      of its checkpoints;
    - a model directory, as :meth:`PretrainedModel.save_pretrained` writes it;
    - a directory with HDF5 weights and their options, whatever their names, optionally with a softmax in an
      HDF5 file of its own and ``vocab.txt`` or ``vocab.txt.gz``; or the file of weights itself;
    - a bilm-tf training directory with TensorFlow checkpoints, or one checkpoint: its prefix or any of its
      files;
    - an ELMoForManyLangs model;
    - a ZIP archive of any of these directories;
    - the URL of a ZIP archive or of HDF5 weights, or the name of a published model, e.g. ``original``;
    - a Hugging Face id, e.g. ``me/my-elmo``.

    Args:
        model: what to load. An existing path takes precedence over a name, except a directory without a
            model; ``~`` is the home directory.
        options: the options of HDF5 weights or of a TensorFlow checkpoint, if they are not beside them.
        vocabulary: the vocabulary of such weights, if it is not beside them. For a model that has its own,
            it must be the same.
        softmax: for a published model, download the softmax as well: it is large, and only needed to
            predict words. For any other model it is loaded if it is there.
        optimizer: load the state of the optimizer as well, to continue training. Training runs and
            TensorFlow checkpoints have it.

    Returns:
        The model, on the CPU.

    Raises:
        MissingModelError: when the model, or one of its files, does not exist.
        ModelFileError: when its files are damaged or do not match.
        CheckpointError: when a checkpoint is damaged.
        ConfigError: when its options are wrong.
        FetchError: when it cannot be downloaded.
    """
    path = locate_model(model, softmax=yes_or_no("softmax", softmax))
    optimizer = yes_or_no("optimizer", optimizer)
    pretrained = _load_path(path, ReadRequest(locate_file(options), locate_file(vocabulary), optimizer))
    _logger.info("loaded %r", pretrained)
    return pretrained


def _load_path(path: Path, request: ReadRequest) -> PretrainedModel:
    if stored := _read(path, request):
        return build(stored)
    if problem := what_to_name(path):
        raise ModelFileError(f"{path}: {problem}")
    if path.is_file():
        return _load_archive(path, request)
    descriptions = ", ".join(format_.DESCRIPTION for format_ in FORMATS)
    raise ModelFileError(f"{path}: no model in this directory: expected {descriptions}, {OTHER_SOURCES}")


def _read(path: Path, request: ReadRequest) -> StoredModel | None:
    """Read a model in the first format that matches; None if there is none, as for an archive.

    A directory may hold a model in two formats. Then options or a vocabulary select the one they belong to. A
    vocabulary may also be given for a model that has it: the scripts of bilm-tf always name it.
    """
    try:
        matching = [format_ for format_ in FORMATS if format_.matches(path)]
    except OSError as error:
        raise ModelFileError(f"{path}: cannot read: {error.strerror}") from None
    with_own_files = None
    for format_ in matching:
        if format_.HAS_SEPARATE_OPTIONS or not request.names_files:
            return format_.read(path, request)
        if request.options is None:
            assert request.vocabulary is not None
            with_own_files = format_.read(path, request)
            if Vocabulary.load(request.vocabulary) == with_own_files.vocabulary:
                return with_own_files
    if with_own_files is not None:
        raise ConfigError(
            f"{request.vocabulary}: not the vocabulary of {path}, which has its own: leave it out"
        )
    if matching:
        raise ConfigError(
            f"{path}: this model has its own options: leave out {request.options}, which can only be given "
            "for HDF5 weights and TensorFlow checkpoints"
        )
    return None


def _load_archive(path: Path, request: ReadRequest) -> PretrainedModel:
    with extracted(path) as directory:

        def in_archive(message: str) -> str:
            return message.replace(str(directory), str(path))

        try:
            pretrained = _load_path(directory, request)
        except ElmokitError as error:
            error.args = (in_archive(str(error)),)
            raise
    problem = pretrained.vocabulary_problem
    return dataclasses.replace(
        pretrained,
        source=path,
        vocabulary_problem=None if problem is None else in_archive(problem),
    )

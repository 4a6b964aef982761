"""Reads damaged models, one after the other, and reports the outcome of each.

``worker.py DIRECTORY GOLDEN FORM:FILE:FIRST:LAST...`` damages a file of a model by each seed from FIRST to
LAST, and prints a line of JSON when a case begins and one when it has ended, so that the reader knows
which case crashed the process or made it hang. Some cases also run ``elmokit info``, in a process of
their own.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from damage import damaged_bytes, damaged_json

from elmokit import cli
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ElmokitError, ElmokitWarning
from elmokit.files.atomic import write_text
from elmokit.formats import checkpoint
from elmokit.formats.checkpoint import (
    Checkpoint,
    checkpoint_directory,
    read_last_checkpoint,
    write_checkpoint,
)
from elmokit.formats.token_embeddings import read_token_table, write_token_embeddings
from elmokit.language_model import LanguageModel
from elmokit.loading import load
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel

WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "dog", "naïve", "我")
SETTINGS = ["embedding_dim=4", "filters=[[1, 4], [2, 4]]", "cell_dim=8", "projection_dim=4"]
SENTENCES = [["the", "cat", "naïve", "", "\ud800"], []]
SECONDS = 20  # a case takes milliseconds
MEGABYTES = 512  # more than the process has when it starts; a model takes kilobytes
INFO_EVERY = 16

Arrays = dict[str, np.ndarray]


def random_model(*overrides: str) -> PretrainedModel:
    config = Config.load("tiny", overrides)
    model = BiLM(config.model, len(WORDS))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    facts = {"step": 3, "best_step": 2, "best_perplexity": 4.5, "seconds": 60.0}
    return PretrainedModel(model.requires_grad_(False), config, Vocabulary(WORDS), Path("somewhere"), facts)


# --- making models -------------------------------------------------------------------------------


def make_pair(directory: Path, golden: Path) -> None:
    random_model(*SETTINGS).save_bilm(directory, with_softmax=True)


def make_words(directory: Path, golden: Path) -> None:
    model = random_model("char_cnn=null", "cell_dim=8", "projection_dim=4")
    model.save_bilm(directory, with_softmax=True)


def make_directory(directory: Path, golden: Path) -> None:
    random_model(*SETTINGS).save_pretrained(directory)


def make_lexicon(directory: Path, golden: Path) -> None:
    load(golden / "elmoformanylangs" / "words_and_characters").save_pretrained(directory)


def make_zip(directory: Path, golden: Path) -> None:
    make_pair(directory / "model", golden)
    with zipfile.ZipFile(directory / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((directory / "model").iterdir()):
            archive.write(path, f"model/{path.name}")
    shutil.rmtree(directory / "model")


def make_run(directory: Path, golden: Path) -> None:
    model = random_model(*SETTINGS)
    assert model.vocabulary is not None
    write_text(directory / "config.json", model.config.model_dump_json(indent=2) + "\n")
    model.vocabulary.save(directory / "vocab.txt")
    parameters = dict(model.model.named_parameters())
    trainer = {**model.facts, "best_step": 0, "fingerprints": {"vocabulary": model.vocabulary.fingerprint}}
    tensors = {"model": parameters, "optimizer": parameters, "state": {"dropout": torch.arange(8)}}
    write_checkpoint(checkpoint_directory(directory, 3), Checkpoint(tensors, trainer))


def make_manylangs(directory: Path, golden: Path) -> None:
    shutil.copytree(golden / "elmoformanylangs" / "words_and_characters", directory, dirs_exist_ok=True)


def make_tensorflow(directory: Path, golden: Path) -> None:
    shutil.copytree(golden / "incremental" / "ckpt", directory, dirs_exist_ok=True)
    shutil.copy(golden / "incremental" / "vocab.txt", directory)


def make_tokens(directory: Path, golden: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 4))
    write_token_embeddings(directory / "tokens.hdf5", WORDS, vectors, encoder="0" * 32)


# --- reading them --------------------------------------------------------------------------------


def read_model(path: Path) -> Arrays:
    """Parameters, settings, vocabulary, vectors and, where they can be had, log-probabilities."""
    model = load(path)
    read = {name: value.numpy().copy() for name, value in model.model.named_parameters()}
    words = model.vocabulary.words if model.vocabulary is not None else ()
    for name, text in (("settings", model.config.model.model_dump_json()), ("words", "\n".join(words))):
        read[name] = np.frombuffer(text.encode(), np.uint8)
    embedder = ElmoEmbedder(model)
    vectors, empty = embedder.embed(SENTENCES)
    assert vectors.shape == (embedder.num_layers, len(SENTENCES[0]), embedder.dim)
    assert empty.shape == (embedder.num_layers, 0, embedder.dim)
    if model.model.softmax is not None and model.vocabulary is not None:
        (read["scores"],) = (score.forward for score in LanguageModel(model).score(SENTENCES[:1]))
    return read | {"vectors": vectors}


def read_archive(directory: Path) -> Arrays:
    return read_model(directory / "model.zip")


def read_state(path: Path) -> Arrays:
    """Read everything that a training run resumes from."""
    checkpoint = read_last_checkpoint(path)[1]
    return {
        f"{group}/{name}": value.numpy()
        for group, tensors in checkpoint.tensors.items()
        for name, value in tensors.items()
    }


def read_tokens(path: Path) -> Arrays:
    table = read_token_table(path / "tokens.hdf5")
    return {"words": np.array(sorted(table)), "vectors": table.vectors.numpy()}


FORMS: dict[str, tuple[Callable[[Path, Path], None], Callable[[Path], Arrays]]] = {
    "pair": (make_pair, read_model),
    "words": (make_words, read_model),
    "directory": (make_directory, read_model),
    "lexicon": (make_lexicon, read_model),
    "zip": (make_zip, read_archive),
    "run": (make_run, read_model),
    "state": (make_run, read_state),
    "manylangs": (make_manylangs, read_model),
    "tensorflow": (make_tensorflow, read_model),
    "tokens": (make_tokens, read_tokens),
}


# --- outcomes ---------------------------------------------------------------------------


def outcome(read: Callable[[Path], Arrays], directory: Path, expected: Arrays) -> dict[str, Any]:
    """Return ``same`` as without damage, ``other`` but finite, ``refused`` with a message, or a ``bug``."""
    try:
        found = read(directory)
    except ElmokitError as error:
        return {"outcome": "refused", "message": str(error)}
    except BaseException:  # any other exception is a bug
        return {"outcome": "bug", "message": traceback.format_exc()[-1500:]}
    if is_same(found, expected):
        return {"outcome": "same"}
    if not is_same(found, read(directory)):
        return {"outcome": "bug", "message": "other values when it is read again"}
    wrong = [name for name, own in found.items() if own.dtype.kind == "f" and not np.isfinite(own).all()]
    return {"outcome": "bug", "message": f"not finite: {wrong}"} if wrong else {"outcome": "other"}


def is_same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(
        values.shape == other[name].shape and values.tobytes() == other[name].tobytes()
        for name, values in one.items()
    )


def info(path: Path) -> dict[str, Any]:
    """Return exit code and stderr of ``elmokit info``, in a fork because imports take seconds."""
    with tempfile.TemporaryFile() as file:
        process = os.fork()
        if process == 0:
            code = 1
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(file.fileno(), 2)
                sys.argv = ["elmokit", "info", str(path)]
                cli.main()
                code = 0
            except SystemExit as stop:
                code = int(stop.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        file.seek(0)
        return {"exit_code": status, "stderr": file.read().decode("utf-8", "backslashreplace")}


def report(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(directory: Path, golden: Path, jobs: list[str]) -> None:
    torch.set_num_threads(1)
    checkpoint._SETTLING_SECONDS = 0.0  # nobody replaces these while they are read
    importlib.import_module(cli.VERBS["info"][0])  # once, not in every fork
    for number, job in enumerate(jobs):
        form, file, first, last = job.split(":")
        make, read = FORMS[form]
        model = directory / form
        shutil.rmtree(model, ignore_errors=True)
        model.mkdir(parents=True)
        make(model, golden)
        expected = read(model)
        if number == 0:
            limit_memory()
        whole = (model / file).read_bytes()
        damaged = damaged_json if file.endswith(".json") else damaged_bytes
        for seed in range(int(first), int(last)):
            (model / file).write_bytes(damaged(whole, random.Random(f"{job.rsplit(':', 2)[0]}:{seed}")))
            report({"job": f"{form}:{file}", "seed": seed})
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            warnings.simplefilter("ignore", ElmokitWarning)  # such as settings that are ignored
            result = outcome(read, model, expected)
            if seed % INFO_EVERY == 0 and read in (read_model, read_archive):
                result |= info(model / "model.zip" if read is read_archive else model)
            faulthandler.cancel_dump_traceback_later()
            report(result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

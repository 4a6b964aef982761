"""Damage that random tests have found, or rarely find: each is refused with a specific message."""

from __future__ import annotations

import faulthandler
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from elmokit import load
from elmokit.config import Config
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, ModelFileError, UnknownSettingsWarning
from elmokit.formats.checkpoint import Checkpoint, checkpoint_directory, read_checkpoint, write_checkpoint
from elmokit.formats.token_embeddings import read_token_table, write_token_embeddings

HUGE = (1 << 33, 4)  # 128 GiB; the file has a few kilobytes


@pytest.fixture
def pair(models, tmp_path) -> Path:
    models["characters"].save_bilm(tmp_path / "pair", with_softmax=True)
    return tmp_path / "pair"


@pytest.fixture
def model_directory(models, tmp_path) -> Path:
    models["characters"].save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "checksums.txt").unlink()  # what is wrong is found without them, too
    return tmp_path / "model"


@pytest.fixture
def tokens(tmp_path) -> Path:
    write_token_embeddings(tmp_path / "tokens.hdf5", ["one", "two"], np.ones((2, 4)))
    return tmp_path / "tokens.hdf5"


def refusal(kind: type[ElmokitError], load: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(kind) as error:
        load(path)
    message = str(error.value)
    assert message.isprintable()
    assert str(path) in message
    return message


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    edit(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def replace(path: Path, name: str, **arguments: Any) -> h5py.Dataset:
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        file.create_dataset(name, **arguments)


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_settings_that_are_nested_without_end(tmp_path, opening, suffix):
    path = tmp_path / f"settings.{suffix}"
    path.write_text(("a = " if suffix == "toml" else "") + opening * 100_000, encoding="utf-8")
    assert f"not a valid {suffix.upper()} file" in refusal(ConfigError, Config.load, path)


def test_a_checkpoint_that_is_nested_without_end(models, tmp_path):
    directory = checkpoint_directory(tmp_path, 3)
    tensors = {"model": {"a": torch.ones(1)}, "optimizer": {}, "state": {}}
    write_checkpoint(directory, Checkpoint(tensors, {"step": 3}))
    (directory / "trainer.json").write_text("[" * 100_000, encoding="utf-8")
    assert "trainer.json: damaged checkpoint" in refusal(CheckpointError, read_checkpoint, directory)


def test_names_that_cannot_be_printed(pair):
    change(pair / "options.json", lambda values: values["lstm"].update({"a\nb\u2028\ud800": 1}))
    message = refusal(ConfigError, Config.load, pair / "options.json")
    assert r"lstm.a b\u2028\ud800: unknown setting" in message
    with pytest.warns(UnknownSettingsWarning) as caught:
        load(pair)
    assert r"lstm.a b\u2028\ud800: ignored" in str(caught[0].message)


def test_names_that_would_fill_the_screen(pair):
    change(pair / "options.json", lambda values: values.update({"k" * 50_000: 1}))
    message = refusal(ConfigError, Config.load, pair / "options.json")
    assert "options.json: 1 error: kkk" in message
    assert message.endswith("kkk: unknown setting")
    with pytest.warns(UnknownSettingsWarning) as caught:
        load(pair)
    for text in (message, str(caught[0].message)):
        assert " [...] kkk" in text
        assert len(text) < 5000


@pytest.mark.parametrize("shift", range(2))
def test_what_is_left_out_of_a_message_leaves_single_spaces(shift):
    message = str(ElmokitError("x" * shift + "k " * 50_000))
    assert " [...] " in message
    assert "  " not in message


@pytest.mark.parametrize("name", ["cell_clip", "proj_clip"])
def test_a_clip_beyond_single_precision(pair, name):
    change(pair / "options.json", lambda values: values["lstm"].update({name: 1e308}))
    ours = name.replace("proj_", "projection_")
    assert f"model.lstm.{ours}: input should be less than or equal to 1000000000, got 1e+308" in refusal(
        ConfigError, load, pair
    )


def test_a_geometry_without_bounds(golden, tmp_path):
    directory = tmp_path / "lexicon"
    load(golden / "elmoformanylangs" / "words_and_characters").save_pretrained(directory)
    (directory / "checksums.txt").unlink()
    change(directory / "config.json", lambda values: values.update({"num_words": 1 << 62}))
    (directory / "vocab.txt").unlink(missing_ok=True)
    tensors = load_file(directory / "model.safetensors")
    save_file(tensors | {"softmax.bias": torch.zeros(1)}, directory / "model.safetensors")
    message = refusal(ConfigError, load, directory)
    assert message.startswith(f"{directory / 'config.json'}: the model would be impossibly large: ")


def test_a_number_of_words_takes_no_memory_without_a_softmax(models, model_directory):
    weights = model_directory / "model.safetensors"
    tensors = {name: value for name, value in load_file(weights).items() if "softmax" not in name}
    save_file(tensors, weights)
    (model_directory / "vocab.txt").unlink()
    change(model_directory / "config.json", lambda values: values.update({"num_words": 1 << 50}))
    model = load(model_directory).model  # no machine could hold a softmax of this size
    assert model.softmax is None
    assert model.num_words == 1 << 50
    expected = dict(models["characters"].model.named_parameters())
    for name, value in model.named_parameters():
        assert value.numpy().tobytes() == expected[name].numpy().tobytes()


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        *(("step", None), ("step", float("nan")), ("seconds", float("inf")), ("seconds", 10**400)),
        *(("best_perplexity", 10**400), ("best_step", float("-inf")), ("seconds", True), ("step", "3")),
    ],
)
def test_facts_that_are_no_numbers(model_directory, name, fact):
    change(model_directory / "config.json", lambda values: values["facts"].update({name: fact}))
    message = refusal(ModelFileError, load, model_directory)
    assert f"config.json: facts: {name}: expected a number, got {fact!r}" in message


@pytest.mark.parametrize("facts", [{"best_perplexity": 4.5}, {"best_perplexity": 4.5, "best_step": None}])
def test_a_perplexity_of_no_step(model_directory, facts):
    change(model_directory / "config.json", lambda values: values.update({"facts": facts}))
    assert "facts: best_step: missing" in refusal(ModelFileError, load, model_directory)


# --- HDF5 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [None, (64, 4)])
def test_token_vectors_that_would_take_all_memory(tokens, chunks):
    replace(tokens, "embedding", shape=HUGE, dtype="f4", chunks=chunks)
    message = refusal(ModelFileError, read_token_table, tokens)
    assert "(the file holds 0 bytes for a size of 137438953472 bytes)" in message


def test_words_that_would_take_all_memory(tokens):
    replace(tokens, "words", shape=HUGE[:1], dtype=h5py.string_dtype(), chunks=(64,))
    assert "(the file holds 0 bytes for a size of" in refusal(ModelFileError, read_token_table, tokens)


@pytest.mark.parametrize("has_vocabulary", [False, True])
def test_a_softmax_that_would_take_all_memory(pair, has_vocabulary):
    for name, shape in (("softmax/W", (HUGE[0], 16)), ("softmax/b", HUGE[:1])):
        chunks = (64, 4)[: len(shape)]
        replace(pair / "softmax_weights.hdf5", name, shape=shape, dtype="f4", chunks=chunks)
    if not has_vocabulary:
        (pair / "vocab.txt").unlink()
    message = refusal(ModelFileError, load, pair)
    huge = "softmax_weights.hdf5: softmax/{}: cannot read (the file holds 0 bytes for a size of {} bytes)"
    for name, size in (("W", HUGE[0] * 16 * 4), ("b", HUGE[0] * 4)):
        assert huge.format(name, size) in message


def test_compressed_vectors_are_read(tokens):
    values = np.zeros((4000, 400), dtype="f4")
    values[0] = 3.0
    replace(tokens, "embedding", data=values, compression="gzip", shuffle=True, compression_opts=9)
    words = [str(number) for number in range(4000)]
    replace(tokens, "words", data=words)
    assert tokens.stat().st_size < values.nbytes / 20
    table = read_token_table(tokens)
    assert table.vectors.numpy().tobytes() == values.tobytes()
    assert list(table) == words


@pytest.mark.parametrize("damage", ["zeros", "beyond", "truncated"])
def test_words_whose_heap_is_damaged(tokens, damage):
    """The HDF5 library loops forever when free space has zero bytes."""
    content = bytearray(tokens.read_bytes())
    heap = content.index(b"GCOL")
    first_size = slice(heap + 16 + 8, heap + 16 + 16)
    if damage == "zeros":
        content[heap + 16 : heap + 64] = bytes(48)
    elif damage == "beyond":
        content[first_size] = (1 << 40).to_bytes(8, "little")
    else:
        content[heap + 8 : heap + 16] = (1 << 40).to_bytes(8, "little")
    tokens.write_bytes(content)
    faulthandler.dump_traceback_later(30, exit=True)  # nothing else can stop the library
    message = refusal(ModelFileError, read_token_table, tokens)
    faulthandler.cancel_dump_traceback_later()
    expected = "extends beyond the end of the file" if damage == "truncated" else "has an impossible size"
    assert expected in message


@pytest.mark.parametrize("dtype", ["c8", "i8", "u1", "bool", "S4", np.dtype([("a", "f4")])])
def test_values_that_are_no_floating_point_numbers(pair, tokens, dtype):
    replace(pair / "weights.hdf5", "char_embed", shape=(261, 4), dtype=dtype)
    message = refusal(ModelFileError, load, pair)
    expected = (
        "weights.hdf5: does not match its options.json: char_embed: cannot read (expected floating-point"
    )
    assert expected in message
    replace(tokens, "embedding", shape=(2, 4), dtype=dtype)
    message = refusal(ModelFileError, read_token_table, tokens)
    assert "(expected floating-point numbers, got" in message


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (1e300, "holds NaN or infinite values"),  # in single precision
        (float("nan"), "holds NaN or infinite values"),
        (-1e7, "holds values beyond 1,000,000, as no trained model does: damaged"),
    ],
)
def test_values_that_are_too_large(pair, tokens, model_directory, value, problem):
    values = np.full((261, 4), value)
    with warnings.catch_warnings(action="error"):
        replace(pair / "weights.hdf5", "char_embed", data=values)
        assert f"weights.hdf5: does not match its options.json: char_embed: {problem}" in refusal(
            ModelFileError, load, pair
        )
        replace(tokens, "embedding", data=values[:2])
        assert f"embedding: {problem}" in refusal(ModelFileError, read_token_table, tokens)
    weights = model_directory / "model.safetensors"
    tensors = load_file(weights)
    name = next(name for name in tensors if name.endswith("embedding"))
    tensors[name] = torch.from_numpy(values[: len(tensors[name])]).clone()
    save_file(tensors, weights)
    assert f"{name}: {problem}" in refusal(ModelFileError, load, model_directory)


def test_half_precision_is_read(pair, models):
    with h5py.File(pair / "weights.hdf5") as file:
        values = file["char_embed"][()].astype(np.float16)
    replace(pair / "weights.hdf5", "char_embed", data=values)
    found = dict(load(pair).model.named_parameters())["encoder.embedding"]
    assert found.numpy().tobytes() == values.astype(np.float32).tobytes()


# --- ELMoForManyLangs ----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["a value", "a method"])
def test_tensors_whose_archive_is_damaged(golden, tmp_path, damage):
    """PyTorch ignores the checksums, and may return uninitialized memory for a compressed member."""
    directory = tmp_path / "model"
    shutil.copytree(golden / "elmoformanylangs" / "words_and_characters", directory)
    path = directory / "encoder.pkl"
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = max(archive.infolist(), key=lambda member: member.file_size)
    if damage == "a value":
        content[member.header_offset + 200] ^= 1
        expected = (
            f"encoder.pkl: damaged, or not a file of tensors (the checksum of {member.filename} is wrong)"
        )
    else:
        entry = content.rindex(member.filename.encode()) - 46  # in the directory of the archive
        content[entry + 10] = zipfile.ZIP_DEFLATED
        expected = f"encoder.pkl: damaged, or not a file of tensors ({member.filename} is compressed)"
    path.write_bytes(content)
    assert expected in refusal(ModelFileError, load, directory)

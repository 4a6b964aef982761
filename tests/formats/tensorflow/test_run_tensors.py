"""TensorFlow checkpoints of the original are read bit-exactly; every problem of damaged ones is reported."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.errors import ModelFileError
from elmokit.formats.bilm_names import variable_names
from elmokit.formats.tensorflow.latest import find_checkpoint
from elmokit.formats.tensorflow.tensor_bundle import TensorBundle
from elmokit.loading import load
from elmokit.model.bilm import BiLM

GOLDEN = Path(__file__).parents[2] / "golden"
CHARACTERS = GOLDEN / "train_trace_char"
RUNS = [
    ("train_trace_char", 608, 60),
    ("train_trace_word", 608, 60),
    ("train_trace_unidirectional", 608, 20),
    ("incremental", 351, 90),
]
CELL = "lm/RNN_0/rnn/lstm_cell"


class Checkpoint(NamedTuple):
    parameters: Mapping[str, torch.Tensor]
    accumulators: Mapping[str, torch.Tensor]
    step: int
    num_words: int


def read_checkpoint(prefix, options, *, with_accumulators=True):
    loaded = load(prefix, options=options, optimizer=with_accumulators)
    assert loaded.source == prefix
    state = loaded.optimizer_state
    accumulators = {}
    if state is not None:
        assert (state.kind, state.num_updates, list(state.slots)) == (
            "adagrad",
            loaded.facts["step"],
            ["sum"],
        )
        accumulators = state.slots["sum"]
    parameters = {name: value.detach() for name, value in loaded.model.named_parameters()}
    return Checkpoint(parameters, accumulators, loaded.facts["step"], loaded.model.num_words)


def _options(name):
    return GOLDEN / name / "options.json"


def _assert_recorded(tensors, path, suffix, options):
    """Every array of the recording is there, to the bit."""
    names = {theirs: ours for ours, theirs in variable_names(Config.load(options).model).items()}
    with np.load(path) as recorded:
        assert {f"{name}{suffix}:0" for name in names} == set(recorded.files)
        assert set(names.values()) == tensors.keys()
        for key in recorded.files:
            values = tensors[names[key.removesuffix(f"{suffix}:0")]].numpy()
            assert values.dtype == np.float32
            assert values.tobytes() == recorded[key].tobytes(), key


@pytest.mark.parametrize(("name", "num_words", "step"), RUNS)
def test_everything_of_the_last_checkpoint(name, num_words, step):
    options = _options(name)
    prefix = find_checkpoint(GOLDEN / name / "ckpt")
    assert prefix == GOLDEN / name / "ckpt" / f"model.ckpt-{step}"
    checkpoint = read_checkpoint(prefix, options)
    assert (checkpoint.step, checkpoint.num_words) == (step, num_words)
    _assert_recorded(checkpoint.parameters, GOLDEN / name / "final_weights.npz", "", options)
    _assert_recorded(checkpoint.accumulators, GOLDEN / name / "final_accumulators.npz", "/Adagrad", options)
    model = BiLM(Config.load(options).model, num_words)
    assert {name: value.shape for name, value in model.named_parameters()} == {
        name: value.shape for name, value in checkpoint.parameters.items()
    }


def test_the_checkpoint_before_the_first_update():
    options = _options("train_trace_char")
    checkpoint = read_checkpoint(CHARACTERS / "ckpt" / "init.ckpt", options)
    assert checkpoint.step == 0
    _assert_recorded(checkpoint.parameters, CHARACTERS / "init_weights.npz", "", options)
    assert checkpoint.accumulators.keys() == checkpoint.parameters.keys()
    assert all(torch.equal(values, torch.ones_like(values)) for values in checkpoint.accumulators.values())


@pytest.mark.parametrize("name", [name for name, *_ in RUNS if name != "incremental"])
def test_the_dump_of_the_original_holds_the_same(name):
    options = _options(name)
    parameters = read_checkpoint(find_checkpoint(GOLDEN / name / "ckpt"), options).parameters
    loaded = load(
        GOLDEN / name / "dumped_weights.hdf5", options=options, vocabulary=GOLDEN / name / "vocab.txt"
    )
    dumped = dict(loaded.model.named_parameters())
    assert parameters.keys() - dumped.keys() <= {"softmax.weight", "softmax.bias"}
    for key, values in dumped.items():
        assert torch.equal(parameters[key], values), key


def test_accumulators_can_be_left_on_the_disk():
    checkpoint = read_checkpoint(
        CHARACTERS / "ckpt" / "model.ckpt-60", _options("train_trace_char"), with_accumulators=False
    )
    assert checkpoint.accumulators == {}
    assert len(checkpoint.parameters) == 33
    assert checkpoint.step == 60


# --- tensors that do not match ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_config():
    geometry = ["embedding_dim=3", "filters=[[1, 4], [2, 5]]", "num_highway=1", "cell_dim=7"]
    return Config.load("tiny", [*geometry, "projection_dim=6", "num_layers=1"])


@pytest.fixture
def options(small_config, tmp_path):
    path = tmp_path / "options.json"
    path.write_text(json.dumps(small_config.to_bilm_options()))
    return path


@pytest.fixture
def small_names(small_config):
    return variable_names(small_config.model)


@pytest.fixture
def tensors(small_config, small_names):
    """What the original saves of a small model with eleven words."""
    generator = np.random.default_rng(0)
    saved = {"global_step": np.array(7.0, np.float32), "train_perplexity": np.array(np.inf, np.float32)}
    shapes = {name: tuple(value.shape) for name, value in BiLM(small_config.model, 11).named_parameters()}
    for ours, theirs in small_names.items():
        shape = (1, *shapes[ours]) if "kernels" in ours else shapes[ours]
        saved[theirs] = generator.standard_normal(shape).astype(np.float32)
        saved[f"{theirs}/Adagrad"] = generator.random(shape).astype(np.float32)
    return saved


@pytest.fixture
def problems_of(bundle_writer, options):
    def read(tensors, **settings):
        prefix = bundle_writer(**settings).write(tensors)
        with pytest.raises(ModelFileError) as caught:
            read_checkpoint(prefix, options)
        start = f"{prefix}: does not match its options.json: "
        assert str(caught.value).startswith(start)
        return str(caught.value).removeprefix(start)

    return read


def test_a_small_checkpoint(bundle_writer, tensors, options, small_names):
    checkpoint = read_checkpoint(bundle_writer(num_shards=2).write(tensors), options)
    assert (checkpoint.step, checkpoint.num_words) == (7, 11)
    for ours, theirs in small_names.items():
        assert checkpoint.parameters[ours].numpy().tobytes() == tensors[theirs].tobytes()
        assert checkpoint.accumulators[ours].numpy().tobytes() == tensors[f"{theirs}/Adagrad"].tobytes()


@pytest.mark.parametrize(
    "name", ["lm/char_embed", f"{CELL}/projection/kernel", "lm/softmax/b", "lm/softmax/W"]
)
def test_missing(name, tensors, problems_of):
    del tensors[name]
    assert problems_of(tensors) == f"{name}: missing"


def test_a_missing_accumulator_or_step(tensors, problems_of):
    del tensors["lm/CNN/b_cnn_1/Adagrad"], tensors["global_step"]
    assert problems_of(tensors) == "lm/CNN/b_cnn_1/Adagrad: missing; global_step: missing"


def test_weights_alone_are_enough(bundle_writer, tensors, options, small_names):
    weights = {name: values for name, values in tensors.items() if name in small_names.values()}
    checkpoint = read_checkpoint(bundle_writer().write(weights), options)
    assert checkpoint.accumulators == {}
    assert checkpoint.step == 0
    assert checkpoint.parameters.keys() == small_names.keys()


@pytest.mark.parametrize(
    "name",
    [
        "lm/CNN/W_cnn_2",
        "lm/CNN_high_1/W_carry",
        "lm/RNN_0/rnn/multi_rnn_cell/cell_1/lstm_cell/bias",
        "lm/embedding",
    ],
)
def test_unexpected(name, tensors, problems_of):
    tensors |= {name: np.zeros(3, np.float32), f"{name}/Adagrad": np.zeros(3, np.float32)}
    assert problems_of(tensors) == f"{name}: unexpected"


def test_other_tensors_are_ignored(bundle_writer, tensors, options):
    for name in (
        "beta1_power",
        "lm/softmax/W/Adam",
        "lm/char_embed/ExponentialMovingAverage",
        "lm/counter",
        "other/x",
    ):
        tensors[name] = np.full(2, np.nan, np.float32)
    tensors["bytes"] = np.zeros(5, np.uint8)
    assert read_checkpoint(bundle_writer().write(tensors), options).step == 7


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("lm/char_embed", (262, 3), "(261, 3)"),
        ("lm/CNN/W_cnn_1", (2, 3, 5), "(1, 2, 3, 5)"),
        (f"{CELL}/kernel", (28, 12), "(12, 28)"),
        (f"{CELL}/bias/Adagrad", (), "(28,)"),
        ("lm/softmax/W", (12, 6), "(11, 6)"),
        ("lm/softmax/W", (6, 11), "(11, 6)"),
    ],
)
def test_wrong_shape(name, shape, expected, tensors, problems_of):
    tensors[name] = np.zeros(shape, np.float32)
    assert problems_of(tensors) == f"{name}: shape {shape}, expected {expected}"


def test_a_softmax_of_one_number(tensors, problems_of):
    tensors["lm/softmax/b"] = np.array(1.0, np.float32)
    assert problems_of(tensors) == "lm/softmax/b: shape (), expected (11,)"


def test_no_words(tensors, problems_of):
    tensors["lm/softmax/b"] = tensors["lm/softmax/b/Adagrad"] = np.zeros(0, np.float32)
    assert problems_of(tensors) == (
        "lm/softmax/b: shape (0,), expected (11,); lm/softmax/b/Adagrad: shape (0,), expected (11,)"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["lm/softmax/b", f"{CELL}/kernel/Adagrad"])
def test_not_finite(name, value, tensors, problems_of):
    tensors[name].flat[3] = value
    assert problems_of(tensors) == f"{name}: holds NaN or infinite values"


def test_other_precisions(bundle_writer, tensors, options, problems_of):
    tensors[f"{CELL}/kernel"] = tensors[f"{CELL}/kernel"].astype(np.float64)
    tensors["lm/softmax/W"] = tensors["lm/softmax/W"].astype(np.float16)
    tensors["global_step"] = np.array(1 << 40, np.int64)
    checkpoint = read_checkpoint(bundle_writer().write(tensors), options)
    assert checkpoint.step == 1 << 40
    for ours, theirs in (("stacks.0.0.kernel", f"{CELL}/kernel"), ("softmax.weight", "lm/softmax/W")):
        assert checkpoint.parameters[ours].dtype == torch.float32
        assert np.array_equal(checkpoint.parameters[ours].numpy(), tensors[theirs].astype(np.float32))
    tensors[f"{CELL}/kernel"][0, 0] = 1e300
    assert problems_of(tensors) == f"{CELL}/kernel: holds NaN or infinite values"


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_whole_numbers_are_no_weights(dtype, tensors, problems_of):
    tensors["lm/char_embed"] = tensors["lm/char_embed"].astype(dtype)
    number = {np.int32: 3, np.uint8: 4}[dtype]
    assert problems_of(tensors) == f"lm/char_embed: TensorFlow data type {number}, expected floating point"


def test_a_partitioned_variable(tensors, problems_of, protobuf):
    sliced = {"more": protobuf(7, b""), "size": 0, "offset": 0}
    assert problems_of(tensors, changes={"lm/softmax/b": sliced}) == (
        "lm/softmax/b: saved in slices (a partitioned variable), expected whole, as bilm-tf saves it"
    )


def test_an_impossible_vocabulary(tensors, problems_of, protobuf):
    words = {"shape": (1 << 62,), "size": 44, "offset": 0}
    problem = problems_of(tensors, changes={"lm/softmax/b": {**words, "more": protobuf(7, b"")}})
    assert (
        problem
        == "lm/softmax/b: saved in slices (a partitioned variable), expected whole, as bilm-tf saves it"
    )
    problem = problems_of(tensors, changes={"lm/softmax/b": {**words, "dtype": 7}})
    assert problem == "lm/softmax/b: TensorFlow data type 7, expected floating point"


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf])
def test_a_step_that_is_no_count(value, tensors, problems_of):
    tensors["global_step"] = np.array(value, np.float32)
    assert problems_of(tensors) == f"global_step: {value}, expected a number of updates"


def test_a_step_that_is_no_number(tensors, problems_of):
    tensors["global_step"] = np.zeros(2, np.float32)
    assert problems_of(tensors) == "global_step: shape (2,), TensorFlow data type 1, expected one number"
    tensors["global_step"] = np.array(7, np.uint8)
    assert problems_of(tensors) == "global_step: shape (), TensorFlow data type 4, expected one number"


def test_all_problems_at_once(tensors, problems_of):
    del tensors["lm/CNN/b_cnn_0"]
    tensors["lm/char_embed"] = np.zeros((4, 4), np.float32)
    tensors["lm/RNN_1/rnn/lstm_cell/bias/Adagrad"][0] = np.nan
    tensors["lm/RNN_2/more"] = tensors["global_step"] = np.zeros(1, np.float32)
    assert problems_of(tensors) == (
        "lm/char_embed: shape (4, 4), expected (261, 3); lm/CNN/b_cnn_0: missing; "
        "lm/RNN_1/rnn/lstm_cell/bias/Adagrad: holds NaN or infinite values; "
        "global_step: shape (1,), TensorFlow data type 1, expected one number; lm/RNN_2/more: unexpected"
    )


def test_another_models_options():
    with pytest.raises(ModelFileError) as caught:
        read_checkpoint(CHARACTERS / "ckpt" / "model.ckpt-60", _options("train_trace_word"))
    assert "lm/embedding: missing" in str(caught.value)
    assert "lm/char_embed: unexpected" in str(caught.value)
    assert "lm/softmax/W: unexpected" in str(caught.value)


# --- damage --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def original():
    prefix = CHARACTERS / "ckpt" / "model.ckpt-60"
    return read_checkpoint(prefix, _options("train_trace_char"))


@pytest.fixture
def is_refused(original, tmp_path):
    """Whether a changed copy is refused; if not, it must give what the original gives."""
    options = _options("train_trace_char")
    prefix = tmp_path / "model.ckpt-60"
    files = {suffix: tmp_path / f"model.ckpt-60.{suffix}" for suffix in ("index", "data-00000-of-00001")}
    for file in files.values():
        shutil.copyfile(CHARACTERS / "ckpt" / file.name, file)

    def read(suffix, change):
        content = files[suffix].read_bytes()
        files[suffix].write_bytes(change(content))
        try:
            checkpoint = read_checkpoint(prefix, options)
        except ModelFileError as error:
            return str(error).isprintable() and str(tmp_path) in str(error)
        finally:
            files[suffix].write_bytes(content)
        assert checkpoint.step == original.step
        for kind in ("parameters", "accumulators"):
            tensors, expected = getattr(checkpoint, kind), getattr(original, kind)
            assert tensors.keys() == expected.keys()
            assert all(torch.equal(tensors[name], expected[name]) for name in expected)
        return False

    return read


def _flip(position, bit):
    return lambda content: (
        content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]
    )


def test_flipped_bits_of_the_index(is_refused):
    size = (CHARACTERS / "ckpt" / "model.ckpt-60.index").stat().st_size
    generator = random.Random(0)
    # All of the footer and of the blocks just before it.
    positions = [*range(0, size - 110, 13), *range(size - 110, size)]
    accepted = [k for k in positions if not is_refused("index", _flip(k, generator.randrange(8)))]
    # The metadata block, its handle in the footer and the padding do not affect the tensors.
    assert all(position >= size - 110 for position in accepted)
    assert len(accepted) < 60


def test_flipped_bits_of_the_data(is_refused):
    prefix = CHARACTERS / "ckpt" / "model.ckpt-60"
    ends = [entry.offset + entry.size for entry in TensorBundle.open(prefix).entries.values()]
    unread = TensorBundle.open(prefix).entries["train_perplexity"]
    generator = random.Random(0)
    for position in (0, max(ends) - 1, *(generator.randrange(max(ends)) for _ in range(60))):
        is_unread = unread.offset <= position < unread.offset + unread.size
        assert is_refused("data-00000-of-00001", _flip(position, generator.randrange(8))) != is_unread


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_truncated(suffix, is_refused):
    size = (CHARACTERS / "ckpt" / f"model.ckpt-60.{suffix}").stat().st_size
    for length in (0, 1, 4, 47, 48, size - 49, size - 1, *range(100, size, size // 40)):
        assert is_refused(suffix, lambda content, length=length: content[:length])


def test_bytes_after_the_end(is_refused):
    assert is_refused("index", lambda content: content + b"\0")
    assert not is_refused("data-00000-of-00001", lambda content: content + b"\0")

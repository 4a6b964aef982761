"""A model is built from checked data, belongs to nobody, and keeps its old names for one version."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest
import torch

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError, ModelFileError
from elmokit.formats.stored import Layout, StoredModel, StoredOptimizer
from elmokit.model.bilm import BiLM
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.pretrained import PretrainedModel, build

VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", "cat"])
CONFIG = Config.load("tiny", ["char_cnn=null", "cell_dim=8", "projection_dim=4", "num_layers=1"])
SHAPES = parameter_shapes(CONFIG.model, len(VOCABULARY), with_softmax=True, source=Path("config"))


def stored(**changes):
    """A format that stores tensors by other names, upside down."""
    generator = torch.Generator().manual_seed(0)
    tensors = {f"t/{name}": torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}

    def convert(stored_tensors):
        return {name.removeprefix("t/"): tensor.flip(-1) for name, tensor in stored_tensors.items()}

    layout = Layout({f"t/{name}": shape for name, shape in SHAPES.items()}, convert)
    model = StoredModel(
        Path("weights"), CONFIG, len(VOCABULARY), tensors, layout, vocabulary=VOCABULARY, facts={"step": 7}
    )
    return dataclasses.replace(model, **changes)


def adam(model, **changes):
    slots = {
        slot: {name: torch.full(shape, value) for name, shape in model.layout.shapes.items()}
        for slot, value in (("first_moment", 1e9), ("second_moment", 2.0))
    }
    state = StoredOptimizer("adam", 7, slots, {slot: f"/{slot}" for slot in slots})
    return dataclasses.replace(model, optimizer=dataclasses.replace(state, **changes))


def problems(model):
    with pytest.raises(model.error) as error:
        build(model)
    start = f"{model.source}: does not match {model.described_by}: "
    assert str(error.value).startswith(start)
    return str(error.value).removeprefix(start).split("; ")


# --- building ------------------------------------------------------------------------------------


def test_tensors_are_converted():
    model = stored()
    pretrained = build(model)
    assert (pretrained.config, pretrained.source, pretrained.facts) == (CONFIG, model.source, {"step": 7})
    assert pretrained.vocabulary == VOCABULARY
    parameters = dict(pretrained.model.named_parameters())
    assert parameters.keys() == SHAPES.keys()
    for name, value in parameters.items():
        assert torch.equal(value, model.tensors[f"t/{name}"].flip(-1)), name
        assert not value.requires_grad
    assert pretrained.optimizer_state is None


def test_the_model_shares_no_memory_with_the_files():
    model = stored()
    before = {name: tensor.clone() for name, tensor in model.tensors.items()}
    for parameter in build(model).model.parameters():
        parameter.zero_()
    for name, tensor in model.tensors.items():
        assert torch.equal(tensor, before[name])


def test_rows_of_words_follow_the_vocabulary():
    rows = [4, 2, 3, 0, 1]
    model = stored()
    plain, ordered = (
        build(adam(dataclasses.replace(model, vocabulary_rows=order))) for order in (None, rows)
    )
    assert ordered.vocabulary_rows == rows
    for name, value in plain.model.named_parameters():
        is_by_word = name in ("encoder.weight", "softmax.weight", "softmax.bias")
        expected = value[rows] if is_by_word else value
        assert torch.equal(dict(ordered.model.named_parameters())[name], expected), name


def test_the_optimizer_is_converted_as_its_parameters():
    model = adam(stored())
    slots = {slot: dict(values) for slot, values in model.optimizer.slots.items()}
    slots["second_moment"]["t/softmax.bias"] = torch.arange(5.0)
    rows = [4, 2, 3, 0, 1]
    state = build(
        dataclasses.replace(
            model, optimizer=dataclasses.replace(model.optimizer, slots=slots), vocabulary_rows=rows
        )
    ).optimizer_state
    assert (state.kind, state.num_updates, list(state.slots)) == ("adam", 7, list(slots))
    assert state.slots["first_moment"].keys() == SHAPES.keys()
    assert state.slots["second_moment"]["softmax.bias"].tolist() == [0.0, 2.0, 1.0, 4.0, 3.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_single(dtype):
    model = stored()
    changed = {name: tensor.to(dtype) for name, tensor in model.tensors.items()}
    for name, value in build(dataclasses.replace(model, tensors=changed)).model.named_parameters():
        assert value.dtype == torch.float32
        assert torch.equal(value, changed[f"t/{name}"].flip(-1).float())


def test_all_problems_are_reported_at_once_by_their_stored_names():
    model = adam(stored())
    slots = {slot: dict(values) for slot, values in model.optimizer.slots.items()}
    del slots["first_moment"]["t/softmax.bias"]
    slots["second_moment"]["t/stacks.0.0.bias"] = torch.full((32,), torch.inf)
    slots["second_moment"]["t/stacks.0.0.kernel"] = torch.zeros(2)
    slots["second_moment"]["stranger"] = torch.zeros(1)
    tensors = dict(model.tensors)
    del tensors["t/encoder.weight"]
    tensors["t/softmax.bias"] = torch.full((5,), torch.nan)
    tensors["t/softmax.weight"] = torch.zeros(5, 3)
    tensors["t/stacks.1.0.bias"] = torch.zeros(32, dtype=torch.int64)
    tensors["t/stacks.1.0.kernel"] = torch.full((8, 32), 1e7)
    tensors["another"] = tensors["a third"] = torch.zeros(1)
    del tensors["t/stacks.0.0.projection"]
    changed = dataclasses.replace(
        model,
        tensors=tensors,
        optimizer=dataclasses.replace(model.optimizer, slots=slots),
        unread={"t/stacks.0.0.projection": "saved in slices", "global_step": "missing"},
        described_by="its settings",
        error=CheckpointError,
    )
    assert problems(changed) == [
        "t/encoder.weight: missing",
        "t/stacks.0.0.projection: saved in slices",
        "t/stacks.1.0.kernel: holds values beyond 1,000,000, as no trained model does: damaged",
        "t/stacks.1.0.bias: torch.int64, expected floating-point numbers of 16 bits or more",
        "t/softmax.weight: shape (5, 3), expected (5, 4)",
        "t/softmax.bias: holds NaN or infinite values",
        "t/softmax.bias/first_moment: missing",
        "t/stacks.0.0.kernel/second_moment: shape (2,), expected (8, 32)",
        "t/stacks.0.0.bias/second_moment: holds NaN or infinite values",
        "global_step: missing",
        "a third: unexpected",
        "another: unexpected",
        "stranger/second_moment: unexpected",
    ]


def test_values_beyond_single_precision():
    tensors = {**stored().tensors, "t/softmax.bias": torch.full((5,), 1e300, dtype=torch.float64)}
    assert problems(stored(tensors=tensors)) == ["t/softmax.bias: holds NaN or infinite values"]


def test_the_file_of_weights_is_named():
    model = stored(tensors={}, weights_file=Path("directory/model.safetensors"))
    with pytest.raises(
        ModelFileError, match=r"^directory/model\.safetensors: does not match its options\.json: "
    ):
        build(model)


# --- the built model -----------------------------------------------------------------------------


@pytest.fixture
def pretrained():
    return build(stored())


def test_saving_changes_nothing(pretrained, tmp_path):
    before = {name: (id(value), value.clone()) for name, value in pretrained.model.named_parameters()}
    pretrained.save_pretrained(tmp_path / "own", half_precision=True)
    pretrained.save_bilm(tmp_path / "pair", with_softmax=True)
    for name, value in pretrained.model.named_parameters():
        assert id(value) == before[name][0]
        assert torch.equal(value, before[name][1])


def test_the_file_of_weights_may_have_any_name(pretrained, tmp_path):
    files = pretrained.save_bilm(str(tmp_path), weights_file="my.hdf5")
    assert files == [tmp_path / name for name in ("my.hdf5", "options.json", "vocab.txt")]


def test_it_is_immutable_and_can_be_changed_and_pickled(pretrained):
    with pytest.raises(dataclasses.FrozenInstanceError):
        pretrained.source = Path("other")
    changed = dataclasses.replace(pretrained, source=Path("other"), vocabulary_problem="why")
    assert (changed.model, changed.source) == (pretrained.model, Path("other"))
    copy = pickle.loads(pickle.dumps(changed))
    assert (copy.source, copy.vocabulary, copy.vocabulary_problem) == (Path("other"), VOCABULARY, "why")


def test_the_constructor_takes_what_it_took():
    model = BiLM(CONFIG.model, len(VOCABULARY))
    source = Path("somewhere")
    pretrained = PretrainedModel(model, CONFIG, VOCABULARY, source, {"step": 3}, "why", None, [0], None)
    assert pretrained.facts == {"step": 3}
    assert (pretrained.vocabulary_problem, pretrained.vocabulary_rows) == ("why", [0])
    assert PretrainedModel(model=model, config=CONFIG, vocabulary=None, source=source).facts == {}
    assert pickle.loads(pickle.dumps(PretrainedModel(model, CONFIG, None, source))).facts == {}


@pytest.mark.parametrize(("old", "new"), [("vocabulary_fault", "vocabulary_problem"), ("speller", "indexer")])
def test_old_names_of_attributes(pretrained, old, new):
    with pytest.warns(DeprecationWarning, match=rf"PretrainedModel\.{old} is now called {new}; ") as record:
        found = getattr(pretrained, old)
    assert record[0].filename == __file__
    assert found is getattr(pretrained, new)


def test_what_is_missing_is_said(pretrained):
    bare = dataclasses.replace(pretrained, vocabulary=None)
    advice = "put the vocab.txt of its training beside the weights"
    for model, expected in ((bare, advice), (dataclasses.replace(bare, vocabulary_problem="why"), "why")):
        with pytest.raises(ModelFileError) as error:
            model.require_vocabulary()
        assert str(error.value) == f"weights: the vocabulary of the model is not known: {expected}"
        with pytest.raises(ModelFileError) as error:
            model.require_softmax()
        assert str(error.value) == (
            f"weights: the softmax predicts 5 words, but the vocabulary is not known: {expected}"
        )
    with pytest.raises(ModelFileError, match=r"needs its vocabulary: put vocab\.txt beside it$"):
        _ = bare.indexer

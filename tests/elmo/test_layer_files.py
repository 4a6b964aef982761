"""Copies, state dicts and files of the layer."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from elmokit import Elmo, load
from elmokit.errors import ElmokitError

GOLDEN = Path(__file__).parents[1] / "golden" / "infer_models"
MODEL = GOLDEN / "skip2_relu"
CLIPPED = GOLDEN / "skip3_tanh"  # small clips, so that values are clipped


def values(elmo: Elmo, *inputs: object) -> Tensor:
    (representation,) = elmo(*inputs)["elmo_representations"]
    return representation.detach()


def changed(elmo: Elmo) -> Elmo:
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in elmo.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return elmo


def test_state_dict(make, ids):
    elmo = changed(make(requires_grad=True, num_output_representations=2))
    other = make(requires_grad=True, num_output_representations=2)
    other.load_state_dict(elmo.state_dict())
    for ours, theirs in zip(
        elmo(ids)["elmo_representations"], other(ids)["elmo_representations"], strict=True
    ):
        assert torch.equal(ours, theirs)


def test_the_mixtures_of_an_allennlp_model_fit(make):
    names = [name for name in make().state_dict() if not name.startswith("bilm.")]
    assert names == [
        "scalar_mix_0.gamma",
        "scalar_mix_0.scalar_parameters.0",
        "scalar_mix_0.scalar_parameters.1",
        "scalar_mix_0.scalar_parameters.2",
    ]


def test_deepcopy(make, ids, tmp_path):
    elmo = make(requires_grad=True)
    before = values(elmo, ids)
    other = changed(copy.deepcopy(elmo))
    assert torch.equal(values(elmo, ids), before)
    assert not torch.allclose(values(other, ids), before)
    other.save_bilm(tmp_path / "other")
    reloaded = make(tmp_path / "other").bilm.state_dict()
    assert all(torch.equal(tensor, reloaded[name]) for name, tensor in other.bilm.state_dict().items())


def test_a_loaded_model_is_copied():
    pretrained = load(MODEL)
    changed(Elmo(pretrained=pretrained, requires_grad=True))
    untouched = load(MODEL).model.state_dict()
    assert all(torch.equal(tensor, untouched[name]) for name, tensor in pretrained.model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in pretrained.model.parameters())


@pytest.mark.parametrize("kind", ["characters", "words"])
@pytest.mark.parametrize("save", [Elmo.save_bilm, Elmo.save_pretrained], ids=["pair", "directory"])
def test_a_saved_model_is_bit_identical(
    kind: str, save: Callable[[Elmo, Path], object], word_model: Path, tmp_path: Path
) -> None:
    source = MODEL if kind == "characters" else word_model
    elmo = changed(Elmo.from_pretrained(source, requires_grad=True, dropout=0.0))
    with torch.no_grad():  # the mixtures are not part of the biLM
        for mixture in elmo.scalar_mix_0.parameters():
            mixture.fill_(1.0)
    save(elmo, tmp_path / "saved")
    again = Elmo.from_pretrained(tmp_path / "saved", dropout=0.0)
    for name, tensor in elmo.bilm.state_dict().items():
        assert torch.equal(tensor, again.bilm.state_dict()[name]), name
    sentences = [["the", "cat"], ["dog"]]
    assert torch.equal(values(again, sentences), values(elmo, sentences))
    before = Elmo.from_pretrained(source, dropout=0.0)
    assert not torch.allclose(values(again, sentences), values(before, sentences))


def test_saved_files(make, tmp_path):
    elmo = make()
    files = elmo.save_bilm(tmp_path / "pair")
    assert sorted(path.name for path in files) == ["options.json", "weights.hdf5"]
    with h5py.File(tmp_path / "pair" / "weights.hdf5") as ours, h5py.File(MODEL / "weights.hdf5") as theirs:
        np.testing.assert_array_equal(ours["char_embed"][()], theirs["char_embed"][()])
        np.testing.assert_array_equal(ours["CNN/W_cnn_1"][()], theirs["CNN/W_cnn_1"][()])
    shutil.copy(CLIPPED / "options.json", tmp_path / "pair")
    with pytest.raises(ElmokitError, match=r"options\.json: already exists and belongs to another model"):
        elmo.save_bilm(tmp_path / "pair")

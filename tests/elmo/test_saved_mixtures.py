"""What a layer has learned comes back with its model, to the bit, or there is a warning."""

from __future__ import annotations

import json
import warnings

import pytest
import torch

from elmokit import Elmo, load
from elmokit.errors import MixturesWarning, ModelFileError


@pytest.fixture
def trained(make):
    """Make a layer whose mixtures, and nothing else, have been trained."""

    def train(**settings: object) -> Elmo:
        elmo = make(**settings)
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for mix in elmo.scalar_mixes:
                for parameter in mix.parameters():
                    parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.5)
        return elmo

    return train


def assert_same(one: Elmo, other: Elmo, ids: torch.Tensor) -> None:
    ours, theirs = (elmo.eval()(ids)["elmo_representations"] for elmo in (one, other))
    assert len(ours) == len(theirs)
    for own, their in zip(ours, theirs, strict=True):
        assert own.detach().numpy().tobytes() == their.detach().numpy().tobytes()


@pytest.mark.parametrize("do_layer_norm", [False, True])
@pytest.mark.parametrize("number", [1, 3])
def test_round_trip(trained, ids, tmp_path, number, do_layer_norm):
    elmo = trained(num_output_representations=number, do_layer_norm=do_layer_norm)
    elmo.save_pretrained(tmp_path / "tuned")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for settings in ({}, {"num_output_representations": number, "do_layer_norm": do_layer_norm}):
            again = Elmo.from_pretrained(tmp_path / "tuned", dropout=0.0, **settings)
            assert_same(elmo, again, ids)
            assert all(parameter.requires_grad for parameter in again.scalar_mixes[0].parameters())
        assert_same(elmo, Elmo(pretrained=load(tmp_path / "tuned"), dropout=0.0), ids)


def test_a_fine_tuned_model_and_its_mixture(make, ids, tmp_path):
    elmo = make(requires_grad=True)
    optimizer = torch.optim.Adam(elmo.parameters(), 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (elmo(ids)["elmo_representations"][0] - 1).pow(2).mean().backward()
        optimizer.step()
    elmo.save_pretrained(tmp_path / "tuned")
    assert_same(elmo, Elmo.from_pretrained(tmp_path / "tuned", dropout=0.0), ids)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"num_output_representations": 1}, "2 saved, num_output_representations=1"),
        ({"do_layer_norm": True}, "saved with do_layer_norm=False, do_layer_norm=True"),
    ],
)
def test_mixtures_that_do_not_fit(trained, tmp_path, settings, reason):
    trained(num_output_representations=2).save_pretrained(tmp_path / "tuned")
    with pytest.warns(MixturesWarning) as caught:
        elmo = Elmo.from_pretrained(tmp_path / "tuned", **settings)
    assert str(caught[0].message) == (
        f"{tmp_path / 'tuned'}: the learned mixtures do not fit ({reason}): not restored, they start anew"
    )
    assert {mix.gamma.item() for mix in elmo.scalar_mixes} == {1.0}


def test_a_given_mixture_comes_first(trained, tmp_path):
    trained(num_output_representations=2).save_pretrained(tmp_path / "tuned")
    elmo = Elmo.from_pretrained(tmp_path / "tuned", scalar_mix_parameters=[1.0, 0.0, 0.0])
    (mix,) = elmo.scalar_mixes
    assert [value.item() for value in mix.scalar_parameters] == [1.0, 0.0, 0.0]


def test_mixtures_survive_a_conversion(trained, tmp_path, ids, run_cli):
    elmo = trained()
    elmo.save_pretrained(tmp_path / "tuned")
    result = run_cli("convert", tmp_path / "tuned", tmp_path / "again", "--format", "elmokit")
    assert (result.exit_code, result.err) == (0, "")
    assert_same(elmo, Elmo.from_pretrained(tmp_path / "again", dropout=0.0), ids)
    elmo.save_pretrained(tmp_path / "again")  # an earlier model directory is replaced


def test_trained_word_vectors_are_not_saved(make, tmp_path):
    make(vocab_to_cache=["", "the"]).save_pretrained(tmp_path / "fixed")
    with pytest.warns(MixturesWarning, match="trained vectors of vocab_to_cache are not saved"):
        make(vocab_to_cache=["", "the"], requires_grad=True).save_pretrained(tmp_path / "trained")


@pytest.mark.parametrize(
    "change",
    [
        {"mixtures": []},
        {"mixtures": 3},
        {"do_layer_norm": 1},
        {"mixtures": [{"scalar_parameters": [0.0, 0.0], "gamma": 1.0}]},
        {"mixtures": [{"scalar_parameters": [0.0, 0.0, "x"], "gamma": 1.0}]},
        {"mixtures": [{"scalar_parameters": [0.0, 0.0, 0.0], "gamma": float("nan")}]},
        {"mixtures": [None]},
    ],
)
def test_damaged_mixtures(trained, tmp_path, change):
    trained().save_pretrained(tmp_path / "tuned")
    (tmp_path / "tuned" / "checksums.txt").unlink()
    path = tmp_path / "tuned" / "mixtures.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelFileError) as error:
        load(tmp_path / "tuned")
    assert str(error.value).startswith(f"{path}: ")

import json

import pytest
import torch

from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.saved import read_model, refuse_other_embeddings, save_model
from elmokit.errors import MissingModelError, ModelFileError, OutputError

VALUES = {"labels": ["né", "no"], "settings": {"seed": 3}}
TENSORS = {"head.weight": torch.arange(6.0).reshape(2, 3).T}


@pytest.fixture
def saved(tmp_path):
    directory = tmp_path / "model"
    save_model(directory, "classifier", [RandomEmbedding()], VALUES, TENSORS, "# A classifier\n")
    return directory


def test_what_is_written_is_read(saved):
    found = read_model(saved, "classifier")
    assert found.values == VALUES
    assert found.embeddings == (("random", RandomEmbedding().fingerprint),)
    assert torch.equal(found.tensors["head.weight"], TENSORS["head.weight"])
    assert (saved / "README.md").read_text() == "# A classifier\n"


def test_another_kind_of_model_is_refused(saved):
    with pytest.raises(
        ModelFileError, match="model_type: expected 'elmokit-tagger', got 'elmokit-classifier'"
    ):
        read_model(saved, "tagger")


def test_no_model_there(tmp_path):
    with pytest.raises(MissingModelError, match="no classifier there"):
        read_model(tmp_path, "classifier")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_damage_is_noticed(saved, name):
    content = bytearray((saved / name).read_bytes())
    content[-3] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=f"{name}: damaged, or changed"):
        read_model(saved, "classifier")


def test_other_vectors_are_refused(saved):
    found = read_model(saved, "classifier")
    refuse_other_embeddings(found, [RandomEmbedding("renamed")])
    with pytest.raises(ModelFileError, match="trained with other vectors than those of random"):
        refuse_other_embeddings(found, [RandomEmbedding(seed=1)])
    with pytest.raises(ModelFileError, match="trained with 1 embeddings, got 2"):
        refuse_other_embeddings(found, [RandomEmbedding(), RandomEmbedding()])


def test_an_earlier_model_is_replaced_and_nothing_else(saved):
    save_model(saved, "classifier", [RandomEmbedding()], {"labels": ["b"]}, TENSORS, "")
    assert read_model(saved, "classifier").values == {"labels": ["b"]}
    for change in ("notes.txt", "config.json"):
        if change == "notes.txt":
            (saved / change).write_text("mine")
        else:
            (saved / "notes.txt").unlink()
            (saved / change).write_text(json.dumps({"model_type": "bert"}))
        before = {path.name: path.read_bytes() for path in saved.iterdir()}
        with pytest.raises(OutputError, match="choose another directory"):
            save_model(saved, "classifier", [RandomEmbedding()], VALUES, TENSORS, "")
        assert {path.name: path.read_bytes() for path in saved.iterdir()} == before

import json

import numpy as np
import pytest
import torch

from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.subwords import SubwordEmbedding
from elmokit.downstream.saved import embeddings_of_saved, read_model, refuse_other_embeddings, save_model
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


TABLE = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def test_trained_vectors_are_part_of_the_model(tmp_path):
    embeddings = [
        StaticEmbedding("word2vec", ["a", "naïve"], TABLE),
        RandomEmbedding(),
        SubwordEmbedding("fasttext", ["a", "b"], TABLE, TABLE + 1, min_n=2, max_n=3),
    ]
    for _ in range(2):  # it may be replaced
        save_model(tmp_path / "model", "classifier", embeddings, VALUES, TENSORS, "")
    found = embeddings_of_saved(read_model(tmp_path / "model", "classifier"))
    for own, other in zip(embeddings, found, strict=True):
        assert own.fingerprint == other.fingerprint
        assert np.array_equal(own.vectors([["naïve", "unseen"]]), other.vectors([["naïve", "unseen"]]))


def test_vectors_of_a_file_are_found_where_they_are_now(tmp_path):
    (tmp_path / "old.vec").write_text("1 3\na 1 2 3\n")
    (read,) = embeddings_of(f"word2vec:{tmp_path}/old.vec")
    embeddings = [read, StaticEmbedding("word2vec", ["a", "b"], TABLE)]
    save_model(tmp_path / "model", "classifier", embeddings, VALUES, TENSORS, "")
    saved = read_model(tmp_path / "model", "classifier")
    (tmp_path / "old.vec").rename(tmp_path / "new.vec")
    with pytest.raises(MissingModelError, match=r"old.vec, which is not there .* pass where it is now"):
        embeddings_of_saved(saved)
    found = embeddings_of_saved(saved, f"word2vec:{tmp_path}/new.vec+word2vec")
    assert [own.fingerprint for own in found] == [own.fingerprint for own in embeddings]
    (tmp_path / "new.vec").write_text("1 3\na 1 2 4\n")
    with pytest.raises(ModelFileError, match="trained with other vectors"):
        embeddings_of_saved(saved, f"word2vec:{tmp_path}/new.vec+word2vec")

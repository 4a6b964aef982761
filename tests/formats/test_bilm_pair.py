"""options.json with HDF5 weights, softmax and vocabulary, of whatever names and in whatever order."""

from __future__ import annotations

import dataclasses
import gzip
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ModelFileError, OutputError
from elmokit.formats.token_embeddings import write_token_embeddings
from elmokit.language_model import LanguageModel
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel

ALLENNLP = {
    "options.json": "elmo_2x4096_options.json",
    "weights.hdf5": "elmo_2x4096_weights.hdf5",
    "softmax_weights.hdf5": "elmo_2x4096_softmax_weights.hdf5",
    "vocab.txt": "vocab-2016-09-10.txt",
}
SENTENCE = ["the", "dog", "naïve", "unheard-of"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def predictions(pretrained: PretrainedModel) -> list[dict[str, np.ndarray]]:
    """For each direction, the log-probabilities of each word at every position of a sentence."""
    vocabulary = pretrained.require_softmax()
    return [
        dict(zip(vocabulary.words, direction.numpy().T, strict=True))
        for direction in LanguageModel(pretrained).predictions(SENTENCE)
        if direction is not None
    ]


def assert_same_predictions(one: PretrainedModel, other: PretrainedModel) -> None:
    for ours, theirs in zip(predictions(one), predictions(other), strict=True):
        assert ours.keys() == theirs.keys()
        for word, values in ours.items():
            np.testing.assert_allclose(theirs[word], values, rtol=0, atol=1e-6, err_msg=word)


# --- round trips ---------------------------------------------------------------------------------


def test_round_trip(kind, make, write, assert_same):
    loaded = load(write(kind))
    assert_same(make(kind), loaded)
    assert loaded.source.name == "weights.hdf5"
    assert loaded.vocabulary_problem is None


def test_round_trip_without_a_softmax(kind, make, write, assert_same):
    directory = write(kind, with_softmax=False)
    assert names(directory) == ["options.json", "vocab.txt", "weights.hdf5"]
    loaded = load(directory)
    assert_same(make(kind, with_softmax=False), loaded)
    with pytest.raises(ModelFileError, match="these weights have no softmax"):
        loaded.require_softmax()


def test_round_trip_through_every_form(kind, make, write, assert_same, tmp_path):
    load(write(kind)).save_pretrained(tmp_path / "own")
    load(tmp_path / "own").save_bilm(tmp_path / "again", weights_file="w.hdf5", with_softmax=True)
    assert_same(make(kind), load(tmp_path / "again"))


def test_without_a_vocabulary(make, tmp_path, assert_same):
    bare = dataclasses.replace(make(with_softmax=False), vocabulary=None)
    bare.save_bilm(tmp_path / "pair")
    assert names(tmp_path / "pair") == ["options.json", "weights.hdf5"]
    loaded = load(tmp_path / "pair/weights.hdf5")
    assert loaded.vocabulary is None
    for name, value in bare.model.named_parameters():
        assert torch.equal(dict(loaded.model.named_parameters())[name], value)


@pytest.mark.parametrize("num_characters", [261, 262])
def test_either_number_of_characters(num_characters, make, pair, assert_same, change_options):
    change_options(pair, lambda options: options["char_cnn"].update(n_characters=num_characters))
    assert_same(make(), load(pair))


def test_any_other_number_of_characters(pair, load_error, change_options):
    change_options(pair, lambda options: options["char_cnn"].update(n_characters=263))
    assert "char_cnn.n_characters: expected 261 or 262, got 263" in load_error(ConfigError, pair)


def test_the_softmax_is_named_as_published(pair):
    with h5py.File(pair / "softmax_weights.hdf5") as file:
        assert {name: file[name].shape for name in ("softmax/W", "softmax/b")} == {
            "softmax/W": (8, 4),
            "softmax/b": (8,),
        }


def test_files_that_belong_together_appear_together(make, tmp_path, monkeypatch):
    """An error or a kill in the middle leaves no new weights beside the softmax of an earlier model."""
    pretrained = make()
    pretrained.save_bilm(tmp_path / "pair", with_softmax=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "pair").iterdir()}
    with torch.no_grad():
        for parameter in pretrained.model.parameters():
            parameter.mul_(2)

    def seen_in_the_middle(*_: object) -> None:
        assert {name: (tmp_path / "pair" / name).read_bytes() for name in before} == before
        assert not (tmp_path / "new").exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elmokit.formats.bilm_pair.fill_softmax", seen_in_the_middle)
    for name in ("pair", "new"):
        with pytest.raises(OutputError, match="No space left on device"):
            pretrained.save_bilm(tmp_path / name, with_softmax=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "pair").iterdir()} == before
    assert names(tmp_path) == ["pair"]
    monkeypatch.undo()
    pretrained.save_bilm(tmp_path / "pair", with_softmax=True)
    after = {path.name: path.read_bytes() for path in (tmp_path / "pair").iterdir()}
    assert {name for name in before if after[name] != before[name]} == {
        "weights.hdf5",
        "softmax_weights.hdf5",
    }


# --- whatever the names --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ALLENNLP["weights.hdf5"]])
def test_the_names_of_allennlp(name, make, pair, assert_same):
    for ours, theirs in ALLENNLP.items():
        (pair / ours).rename(pair / theirs)
    loaded = load(pair / name)
    assert_same(make(), loaded)
    assert_same_predictions(make(), loaded)


def test_two_models_with_the_names_of_allennlp(make, write, assert_same, load_error):
    """Each file of weights finds the options and the softmax that are named alike."""
    directory, other = write(), write("no clips", "other", seed=8)
    for source, before, after in ((directory, "2x4096", "2x4096"), (other, "2x4096", "2x1024")):
        for ours, theirs in ALLENNLP.items():
            if ours != "vocab.txt":
                (source / ours).rename(directory / theirs.replace(before, after))
    assert_same(make(), load(directory / "elmo_2x4096_weights.hdf5"))
    assert_same(make("no clips", seed=8), load(directory / "elmo_2x1024_weights.hdf5"))
    message = load_error(ModelFileError, directory)
    assert (
        "expected one HDF5 file of weights, got elmo_2x1024_weights.hdf5, elmo_2x4096_weights.hdf5" in message
    )


def test_any_names(make, pair, assert_same):
    for ours, theirs in {
        "options.json": "settings of my model.json",
        "weights.hdf5": "a.h5",
        "softmax_weights.hdf5": "b.hdf5",
    }.items():
        (pair / ours).rename(pair / theirs)
    (pair / "package.json").write_text('{"name": "not options"}')
    (pair / "broken.json").write_text("{")
    for name in ("", "a.h5"):
        assert_same(make(), load(pair / name))


def test_vectors_beside_the_weights(make, pair, assert_same):
    write_token_embeddings(pair / "tokens.hdf5", ["the"], np.zeros((1, 4), np.float32))
    ElmoEmbedder(make()).embed_file(__file__, pair / "vectors.hdf5")
    for name in ("", "weights.hdf5"):
        assert_same(make(), load(pair / name))


def test_damaged_weights_do_not_give_way_to_others(pair, load_error):
    shutil.copy(pair / "weights.hdf5", pair / "backup.hdf5")
    (pair / "weights.hdf5").write_bytes(b"damaged")
    assert (
        "expected one HDF5 file of weights, got backup.hdf5, weights.hdf5: give the path of the weights file"
        in load_error(ModelFileError, pair)
    )


def test_two_softmax_files(pair, load_error):
    shutil.copy(pair / "softmax_weights.hdf5", pair / "old_softmax.hdf5")
    assert load_error(ModelFileError, pair) == (
        f"{pair}: expected at most one HDF5 softmax file, got old_softmax.hdf5, softmax_weights.hdf5: "
        "give the path of the weights file"
    )
    assert load(pair / "weights.hdf5").model.softmax is not None  # named alike


def test_a_softmax_that_may_be_of_either(pair):
    shutil.copy(pair / "weights.hdf5", pair / "other.hdf5")
    (pair / "softmax_weights.hdf5").rename(pair / "which.hdf5")
    assert load(pair / "weights.hdf5").model.softmax is None


@pytest.mark.parametrize("name", ["vocab.txt.gz", "vocab-2016-09-10.txt", "vocabulary.txt.gz"])
def test_vocabularies_of_other_names(name, make, pair, assert_same):
    content = (pair / "vocab.txt").read_bytes()
    (pair / "vocab.txt").unlink()
    (pair / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert_same(make(), load(pair))


def test_vocab_txt_comes_first(make, pair, assert_same):
    (pair / "vocab-old.txt").write_text("not this one")
    assert_same(make(), load(pair))
    (pair / "vocab.txt").rename(pair / "vocab-new.txt")
    assert load(pair).vocabulary is None  # either may be meant


def test_given_from_elsewhere(make, pair, tmp_path, assert_same):
    for name in ("options.json", "vocab.txt"):
        (pair / name).rename(tmp_path / f"elsewhere-{name}")
    for weights in (pair, pair / "weights.hdf5"):
        loaded = load(
            weights,
            options=tmp_path / "elsewhere-options.json",
            vocabulary=str(tmp_path / "elsewhere-vocab.txt"),
        )
        assert_same(make(), loaded)
    loaded = load(pair, options=tmp_path / "elsewhere-options.json")
    assert loaded.vocabulary is None
    assert loaded.model.softmax is not None


# --- the order of the words ----------------------------------------------------------------------


def reorder(directory: Path, order: list[int]) -> None:
    """Write everything that has a row for each word in another order, as other tools may have."""
    words = (directory / "vocab.txt").read_text(encoding="utf-8").split()
    (directory / "vocab.txt").write_text("\n".join(words[row] for row in order) + "\n", encoding="utf-8")
    for file_name, datasets in (
        ("weights.hdf5", ["embedding"]),
        ("softmax_weights.hdf5", ["softmax/W", "softmax/b"]),
    ):
        with h5py.File(directory / file_name, "r+") as file:
            for dataset in datasets:
                if dataset in file:
                    file[dataset][...] = file[dataset][()][order]


@pytest.mark.parametrize(
    "order",
    [[1, 0, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7, 2, 1, 0], [7, 2, 4, 0, 6, 5, 1, 3]],
    ids=["published", "specials last", "anyhow"],
)
@pytest.mark.parametrize("kind", ["characters", "words", "tied words", "forward only"])
def test_the_order_of_the_vocabulary_changes_nothing(kind, order, make, write):
    directory = write(kind)
    reorder(directory, order)
    loaded = load(directory)
    assert loaded.vocabulary.words[:3] == ("<S>", "</S>", "<UNK>")
    assert sorted(loaded.vocabulary.words) == sorted(make().vocabulary.words)
    assert_same_predictions(make(kind), loaded)
    expected, found = (ElmoEmbedder(pretrained).embed([SENTENCE])[0] for pretrained in (make(kind), loaded))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_words_of_the_file_keep_their_order_behind_the_specials(make, write):
    directory = write()
    reorder(directory, [7, 2, 4, 0, 6, 5, 1, 3])
    loaded = load(directory)
    assert loaded.vocabulary.words == ("<S>", "</S>", "<UNK>", "我", "cat", "naïve", "dog", "the")
    assert loaded.vocabulary_rows == [3, 6, 1, 0, 2, 4, 5, 7]


# --- what is not overwritten ---------------------------------------------------------------------


def test_a_pair_is_written_again(make, write, assert_same):
    directory = write()
    make(seed=9).save_bilm(directory, with_softmax=True)
    assert_same(make(seed=9), load(directory))


@pytest.mark.parametrize("change", ["options.json", "vocab.txt"])
def test_files_of_another_model_stay(change, make, pair):
    (pair / change).write_text("other")
    before = {path.name: path.read_bytes() for path in pair.iterdir()}
    with pytest.raises(OutputError) as error:
        make(seed=9).save_bilm(pair, with_softmax=True)
    assert str(error.value) == (
        f"{pair / change}: already exists and belongs to another model: choose another directory"
    )
    assert {path.name: path.read_bytes() for path in pair.iterdir()} == before


def test_what_would_be_taken_for_the_new_model_is_refused(make, pair):
    """A softmax or vocabulary that stays behind would be read with the new weights."""
    bare = dataclasses.replace(make(seed=9, with_softmax=False), vocabulary=None)
    before = {path.name: path.read_bytes() for path in pair.iterdir()}
    for pretrained, with_softmax, stale in [
        (make(seed=9), False, ["softmax_weights.hdf5"]),
        (make(seed=9, with_softmax=False), True, ["softmax_weights.hdf5"]),
        (bare, True, ["vocab.txt", "softmax_weights.hdf5"]),
    ]:
        with pytest.raises(OutputError) as error:
            pretrained.save_bilm(pair, with_softmax=with_softmax)
        paths = ", ".join(str(pair / name) for name in stale)
        assert (
            str(error.value)
            == f"{paths}: already exists and belongs to another model: choose another directory"
        )
        assert {path.name: path.read_bytes() for path in pair.iterdir()} == before

"""Files of vectors and weights."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from elmokit.dialects.bilm import (
    BidirectionalLanguageModel,
    dump_bilm_embeddings,
    dump_token_embeddings,
    dump_weights,
)
from elmokit.errors import ConfigError, TextError


@pytest.fixture
def golden_run() -> Path:
    return Path(__file__).parents[2] / "golden" / "train_trace_char"


def test_dump_bilm_embeddings(model, tmp_path):
    arguments = (model / "options.json", model / "weights.hdf5", tmp_path / "out.hdf5")
    text = tmp_path / "text.txt"
    text.write_text("the cat\n\nthe cat\n", encoding="utf-8")
    vectors = {}
    for stateful in (False, True):
        dump_bilm_embeddings(None, text, *arguments, stateful=stateful)
        with h5py.File(tmp_path / "out.hdf5") as file:
            assert sorted(file) == ["0", "1", "2"]
            assert file["1"].shape == (3, 0, 16)
            vectors[stateful] = file["0"][()], file["2"][()]
    np.testing.assert_array_equal(*vectors[False])
    assert np.abs(vectors[True][0] - vectors[True][1]).max() > 1e-3
    for stateful in (False, True):
        with pytest.raises(TextError, match=r"nowhere\.txt: cannot read"):
            dump_bilm_embeddings(None, tmp_path / "nowhere.txt", *arguments, stateful=stateful)


def test_dump_weights(golden_run, tmp_path):
    """A TensorFlow checkpoint gives the file that the original dumped from it."""
    dump_weights(golden_run / "ckpt", tmp_path / "weights.hdf5")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.hdf5"]
    with (
        h5py.File(tmp_path / "weights.hdf5") as ours,
        h5py.File(golden_run / "dumped_weights.hdf5") as theirs,
    ):
        names: list[str] = []
        theirs.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 10
        for name in names:
            np.testing.assert_array_equal(ours[name][()], theirs[name][()])


def test_models_that_bilm_tf_does_not_support(model, tmp_path):
    foreign = Path(__file__).parents[2] / "golden" / "elmoformanylangs" / "characters"
    message = r"characters: this model has an alphabet or a word list of its own, which bilm-tf does not"
    with pytest.raises(ConfigError, match=message):
        BidirectionalLanguageModel(None, foreign)
    with pytest.raises(ConfigError, match=message):
        dump_token_embeddings(model / "vocab.txt", None, foreign, tmp_path / "tokens.hdf5")
    with pytest.raises(ConfigError, match=message):
        dump_weights(foreign, tmp_path / "weights.hdf5")
    assert list(tmp_path.iterdir()) == []

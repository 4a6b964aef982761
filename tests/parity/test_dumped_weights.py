"""Files written for other ELMo tools equal those of the original."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.loading import load

WITH_DUMP = ("char", "word", "unidirectional")
ALL = (*WITH_DUMP, "sampled", "dropout")


def _datasets(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


@pytest.mark.parametrize("name", WITH_DUMP)
def test_the_same_file(name, trace_of, tmp_path):
    trace = trace_of(name)
    write_weights(tmp_path / "weights.hdf5", trace.config.model, trace.by_parameter("final_weights"))
    ours, theirs = _datasets(tmp_path / "weights.hdf5"), _datasets(trace.directory / "dumped_weights.hdf5")
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        assert ours[key].dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(ours[key], expected, err_msg=key)


@pytest.mark.parametrize("name", WITH_DUMP)
def test_reading_it_back(name, trace_of):
    trace = trace_of(name)
    expected = trace.by_parameter("final_weights")
    loaded = load(
        trace.directory / "dumped_weights.hdf5",
        options=trace.directory / "options.json",
        vocabulary=trace.directory / "vocab.txt",
    )
    parameters = dict(loaded.model.named_parameters())
    softmax = {key for key in expected if key.startswith("softmax.")}
    assert parameters.keys() == expected.keys() - softmax
    for key, values in parameters.items():
        assert torch.equal(values, expected[key]), key


@pytest.mark.parametrize("name", ALL)
def test_options_need_no_hand_edit(name, trace_of, tmp_path):
    trace = trace_of(name)
    options = trace.config.to_bilm_options(num_words=len(trace.vocabulary))
    if trace.config.model.char_cnn is None:
        assert "char_cnn" not in options
    else:
        assert options["char_cnn"]["n_characters"] == 262
    assert options["n_tokens_vocab"] == len(trace.vocabulary)
    # Otherwise the options are those given to the original.
    given = json.loads((trace.directory / "options.json").read_text(encoding="utf-8"))
    for key in ("lstm", "bidirectional"):
        assert options[key] == given[key]
    if "char_cnn" in given:
        assert json.loads(json.dumps(options["char_cnn"])) == given["char_cnn"] | {"n_characters": 262}
    (tmp_path / "options.json").write_text(json.dumps(options), encoding="utf-8")
    assert Config.load(tmp_path / "options.json").model == trace.config.model

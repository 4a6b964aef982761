from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from elmokit.config import Config
from elmokit.loading import load

pytestmark = pytest.mark.usefixtures("work")


def dump(run_cli, outfile: str = "out/weights.hdf5", save_dir: str = "model"):
    return run_cli("dump-weights", "--save-dir", save_dir, "--outfile", outfile)


def names(directory) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_weights_and_options(run_cli, work):
    result = dump(run_cli)
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == "wrote out/weights.hdf5 and out/options.json, out/vocab.txt\n"
    assert names(work / "out") == ["options.json", "vocab.txt", "weights.hdf5"]
    options = json.loads((work / "out/options.json").read_text())
    model = load("model")
    assert options["char_cnn"]["n_characters"] == 262
    assert options["n_tokens_vocab"] == len(model.vocabulary)
    assert Config.load("out/options.json").model == model.config.model
    with h5py.File("out/weights.hdf5") as file:
        embedding = file["char_embed"][()]
    assert np.array_equal(embedding, model.model.encoder.embedding.numpy())


def test_vectors_are_the_same_from_both(run_cli, work):
    dump(run_cli)
    for model in ("model", "out", "out/weights.hdf5"):
        result = run_cli("embed", model, "heldout.txt", f"{model.replace('/', '-')}.h5")
        assert (result.exit_code, result.err) == (0, "")
    with h5py.File("model.h5") as one, h5py.File("out.h5") as two, h5py.File("out-weights.hdf5.h5") as three:
        assert len(one) == 11
        for key in one:
            assert np.array_equal(one[key][()], two[key][()])
            assert np.array_equal(one[key][()], three[key][()])


def test_a_dump_may_be_repeated_and_dumped_again(run_cli, work):
    dump(run_cli)
    before = (work / "out/options.json").read_bytes()
    assert dump(run_cli).exit_code == 0
    assert dump(run_cli, "again/weights.hdf5", save_dir="out").exit_code == 0
    assert (work / "out/options.json").read_bytes() == before
    again = load("again").model.state_dict()
    assert all(np.array_equal(again[name], value) for name, value in load("out").model.state_dict().items())


def test_options_of_another_model_are_not_overwritten(run_cli, work):
    (work / "out").mkdir()
    (work / "out/options.json").write_text("{}")
    result = dump(run_cli)
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert "out/options.json: already exists and belongs to another model" in line
    assert names(work / "out") == ["options.json"]
    assert (work / "out/options.json").read_text() == "{}"


@pytest.mark.parametrize("outfile", ["train.txt/weights.hdf5", "cache-file/deep/weights.hdf5"])
def test_unwritable(run_cli, work, outfile):
    (work / "cache-file").write_text("")
    before = names(work)
    result = dump(run_cli, outfile)
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"elmokit: {outfile.split('/')[0]}")
    assert "cannot write" in line
    assert names(work) == before


def test_underscores(run_cli, work):
    assert run_cli("dump_weights", "--save_dir", "model", "--outfile", "w.hdf5").exit_code == 0

"""What the version before the package was laid out anew has written can be read, and runs resume from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import elmokit
from elmokit.formats.token_embeddings import read_token_table

EARLIER = Path(__file__).parent / "golden" / "earlier_version"
SENTENCES = ["the people of this nation", "never unseenword"]
MODELS = {
    "characters": "characters",
    "characters/checkpoints/step-00000009": "characters",
    "model-directory": "characters",
    "pair": "characters",
    "pair/weights.hdf5": "characters",
    "words": "words",
}
TOLERANCE = {"rtol": 0, "atol": 1e-6}  # between processors; on one machine the numbers are equal


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of everything, as the current directory."""
    shutil.copytree(EARLIER, tmp_path / "earlier")
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "earlier")
    return tmp_path / "earlier"


@pytest.mark.parametrize("model", MODELS)
def test_a_model_gives_the_same_vectors(directory, model):
    expected = np.load("vectors.npz")
    for k, vectors in enumerate(elmokit.ElmoEmbedder.load(model).embed(SENTENCES)):
        np.testing.assert_allclose(vectors, expected[f"{MODELS[model]}_{k}"], **TOLERANCE)


def draws_as_recorded() -> bool:
    """Whether this version of PyTorch draws the dropout masks that the one of the recording drew."""
    mask = torch.empty(144).bernoulli_(0.9, generator=torch.Generator().manual_seed(0))
    return int(mask.nonzero().sum()) == 9689


@pytest.mark.skipif(not draws_as_recorded(), reason="PyTorch 2.6 draws other random numbers for dropout")
@pytest.mark.parametrize("run", ["characters", "words"])
def test_a_run_resumes_with_the_same_losses_and_parameters(directory, run, run_cli: Callable):
    result = run_cli("train", "--save-dir", run, "--resume", "max_steps=14")
    assert result.exit_code == 0, result.err
    assert "resuming after step 9 of 14" in result.out
    expected = load_file(f"{run}-step-14.safetensors")
    parameters = load_file(f"{run}/checkpoints/step-00000014/model.safetensors")
    assert parameters.keys() == expected.keys()
    for name, values in parameters.items():
        np.testing.assert_allclose(values, expected[name], **TOLERANCE, err_msg=name)
    records = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    losses = {str(record["step"]): record["loss"] for record in records if record["event"] == "train"}
    assert losses == pytest.approx(json.loads(Path(f"{run}-losses.json").read_text()), abs=1e-5)


def test_an_index_of_neighbors_is_opened(directory):
    embedder = elmokit.ElmoEmbedder.load("characters")
    index = elmokit.NeighborIndex.open("index", embedder)
    assert index.corpus.num_tokens == 349
    (nearest,) = index.search(embedder.embed(["the people"], "average")[0][1], 1)
    assert nearest.similarity > 0.9


def test_token_embeddings_are_read(directory):
    table = read_token_table(Path("tokens.hdf5"))
    encoded = elmokit.ElmoEmbedder.load("characters").encode(["people"])[0]
    np.testing.assert_allclose(table["people"], encoded, **TOLERANCE)

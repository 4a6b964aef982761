"""Long sentences and texts with many sentences need bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.embedder import ElmoEmbedder
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel

LONG = [f"w{k * k % 997}" for k in range(5000)]
OTHERS = [["w1", "w2"], [], [f"w{k}" for k in range(40)], ["w4"] * 300]

# Runs in a separate process, so that memory used by earlier tests does not count.
PROGRAM = """
import json, resource, sys
import torch
from elmokit.embedder import ElmoEmbedder

torch.set_num_threads(1)
directory = sys.argv[1]
embedder = ElmoEmbedder.load(f"{directory}/model")
peaks = {}
for name in ("few", "long", "many"):
    lines = embedder.embed_file(f"{directory}/{name}.txt", f"{directory}/{name}.hdf5")
    peaks[name] = (lines, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # MB
print(json.dumps(peaks))
"""


@pytest.fixture(scope="module")
def pretrained() -> PretrainedModel:
    geometry = [
        "embedding_dim=4",
        "filters=[[1, 8], [2, 8]]",
        "cell_dim=20",
        "projection_dim=16",
        "num_layers=1",
    ]
    config = Config.load("tiny", [*geometry, "num_highway=0"])
    model = BiLM(config.model, None)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return PretrainedModel(model.requires_grad_(False), config, None, Path("model"))


@pytest.fixture
def embedder(pretrained) -> ElmoEmbedder:
    return ElmoEmbedder(pretrained)


@pytest.mark.slow
def test_memory_is_bounded(pretrained, tmp_path):
    pretrained.save_pretrained(tmp_path / "model")
    words = [f"w{k % 5000} of w{k * 7 % 4999}" for k in range(100_000)]
    lines = [" ".join(words[k : k + 5]) + "\n" for k in range(0, len(words), 5)]
    texts = {"few": lines[:1000], "long": [" ".join(LONG) + "\n"], "many": lines}
    for name, own in texts.items():
        (tmp_path / f"{name}.txt").write_text("".join(own), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    peaks = json.loads(result.stdout)
    assert [peaks[name][0] for name in texts] == [1000, 1, 20_000]
    with h5py.File(tmp_path / "many.hdf5") as file, h5py.File(tmp_path / "few.hdf5") as few:
        assert len(file) == 20_000
        np.testing.assert_allclose(file["999"][()], few["999"][()], rtol=0, atol=1e-6)
        num_bytes = len(file) * file["0"][()].nbytes
        assert file["19999"].shape == (2, 15, 32)
    with h5py.File(tmp_path / "long.hdf5") as file:
        assert file["0"].shape == (2, 5000, 32)
    assert num_bytes > 70 << 20
    few, long, many = (peaks[name][1] for name in ("few", "long", "many"))
    assert long - few < 40, "a long sentence needs memory only for its layers"
    assert many - long < 10, "the vectors of the whole text are not kept in memory"


@pytest.mark.parametrize("direction", [0, 1])
def test_a_long_sentence_equals_its_parts_in_sequence(direction, embedder):
    """Run in windows other than those of the embedder, carrying the state."""
    (vectors,) = embedder.embed([LONG])
    model = embedder.model
    tokens = embedder.encode(["<S>", *LONG, "</S>"])
    if direction == 1:
        tokens = tokens.flip(0)
    state, parts = model.zero_state(1)[direction], []
    with torch.inference_mode():
        for part in tokens.split(333):
            (output,), state = model.stacks[direction](part, [1] * len(part), state)
            parts.append(output)
    expected = torch.cat(parts)[1:-1].numpy()
    own = vectors[1, :, 16 * direction : 16 * (direction + 1)]
    np.testing.assert_allclose(own[:: -1 if direction else 1], expected, rtol=0, atol=2e-6)
    # The state matters: a part alone has different vectors.
    (alone,) = embedder.embed([LONG[2000:2100]])
    assert np.abs(alone[1] - vectors[1, 2000:2100]).max() > 1e-2


def test_other_sentences_do_not_matter(embedder):
    (alone,) = embedder.embed([LONG])
    assert alone.shape == (2, 5000, 32)
    for sentences in ([*OTHERS, LONG], [LONG[:3000], LONG, OTHERS[3]]):
        for sentence, found in zip(sentences, embedder.embed(sentences), strict=True):
            expected = alone if sentence is LONG else embedder.embed([sentence])[0]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)

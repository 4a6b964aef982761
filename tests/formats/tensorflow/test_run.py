"""Checkpoints of the running original, by directory and by prefix."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit.config import Config
from elmokit.data.prepare import prepare_corpus
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, MissingModelError, ModelFileError
from elmokit.language_model import LanguageModel
from elmokit.loading import load
from elmokit.training.evaluation import evaluate

GOLDEN = Path(__file__).parents[2] / "golden"
RUNS = {"char": 60, "word": 60, "unidirectional": 20}


@pytest.fixture(params=RUNS)
def name(request: pytest.FixtureRequest) -> str:
    run: str = request.param
    return run


@pytest.fixture
def run(name, tmp_path) -> Path:
    return copy_run(name, tmp_path / "run")


@pytest.fixture
def char_run(tmp_path) -> Path:
    return copy_run("char", tmp_path / "run")


def copy_run(name: str, directory: Path) -> Path:
    """The save directory as the original leaves it, and the vocabulary that it was started with."""
    trace = GOLDEN / f"train_trace_{name}"
    shutil.copytree(trace / "ckpt", directory)
    for file in ("options.json", "vocab.txt"):
        shutil.copy(trace / file, directory)
    return directory


def expected_sum(name: str) -> dict[str, float]:
    """Of every recorded array, its sum; the arrays themselves are compared in test_run_tensors.py."""
    with np.load(GOLDEN / f"train_trace_{name}" / "final_weights.npz") as recorded:
        return {key: float(np.abs(recorded[key]).sum(dtype=np.float64)) for key in recorded.files}


def test_a_directory_and_a_prefix(name, run):
    prefix = run / f"model.ckpt-{RUNS[name]}"
    for model in (run, str(run), prefix):
        loaded = load(model)
        assert loaded.source == prefix
        assert loaded.facts == {"step": RUNS[name]}
        assert len(loaded.require_softmax()) == loaded.model.num_words == 608
        assert loaded.config == Config.load(run / "options.json")
        total = sum(float(value.abs().sum(dtype=torch.float64)) for value in loaded.model.parameters())
        assert total == pytest.approx(sum(expected_sum(name).values()), rel=1e-9)
        assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


def test_perplexity_is_the_one_that_the_original_reported(name, run, tmp_path):
    loaded = load(run)
    trace = GOLDEN / f"train_trace_{name}"
    corpus = prepare_corpus([str(trace / "heldout.txt")], cache_dir=tmp_path / "cache")
    record = json.loads((trace / "trace.json").read_text(encoding="utf-8"))
    expected = record["heldout"]["batch_size_1"]["perplexity"]
    result = evaluate(loaded.model, corpus, loaded.require_softmax())
    assert result.perplexity == pytest.approx(expected, rel=1e-4)


def test_an_earlier_checkpoint(char_run):
    loaded = load(char_run / "init.ckpt")
    assert loaded.source == char_run / "init.ckpt"
    assert loaded.facts["step"] == 0
    with np.load(GOLDEN / "train_trace_char/init_weights.npz") as recorded:
        np.testing.assert_array_equal(loaded.model.encoder.embedding, recorded["lm/char_embed:0"])
    latest = load(char_run).model.encoder.embedding
    assert not torch.equal(latest, loaded.model.encoder.embedding)


def test_options_of_another_name(name, run):
    (run / "options.json").rename(run / "my settings.json")
    (run / "texts.json").write_text("{}")
    for model in (run, run / f"model.ckpt-{RUNS[name]}"):
        assert load(model).model.num_words == 608


def test_files_from_elsewhere(name, run, tmp_path):
    for file in ("options.json", "vocab.txt"):
        (run / file).rename(tmp_path / file)
    for model in (run, run / f"model.ckpt-{RUNS[name]}"):
        loaded = load(model, options=tmp_path / "options.json", vocabulary=tmp_path / "vocab.txt")
        assert loaded.facts == {"step": RUNS[name]}
        assert len(loaded.require_softmax()) == 608


def test_no_options(char_run, load_error):
    (char_run / "options.json").unlink()
    for model in (char_run, char_run / "model.ckpt-60"):
        assert load_error(MissingModelError, model) == (
            f"{char_run / 'options.json'}: no such file: expected the settings of model.ckpt-60 "
            "(.json files with settings here: none)"
        )


def test_the_order_of_the_vocabulary(char_run):
    """The original takes its specials from anywhere in the file."""
    path = char_run / "vocab.txt"
    before = load(char_run)
    words = path.read_text(encoding="utf-8").splitlines()
    words[0], words[5], words[1], words[7] = words[5], words[0], words[7], words[1]
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    after = load(char_run)
    assert after.vocabulary.words[:3] == ("<S>", "</S>", "<UNK>")
    assert after.vocabulary_rows[:3] == [5, 7, 2]
    one, other = (
        dict(zip(words, loaded.model.softmax.bias.tolist(), strict=True))
        for loaded, words in (
            # Read with the original file, the rows of the checkpoint are these words.
            (before, words),
            (after, after.vocabulary.words),
        )
    )
    assert other == one


def test_bad_vocabularies(name, run, load_error):
    path = run / "vocab.txt"
    path.write_text("<S>\n</S>\n<UNK>\nthe\n")
    expected = f"{path}: 4 words, model.ckpt-{RUNS[name]} predicts 608"
    if name == "word":
        assert load_error(ModelFileError, run) == expected
        path.unlink()
        with pytest.raises(
            ModelFileError, match=r"a model with word embeddings needs its vocabulary: put vocab\.txt"
        ):
            ElmoEmbedder.load(run)
        return
    assert np.isfinite(ElmoEmbedder.load(run).embed(["the cat"])[0]).all()
    with pytest.raises(ModelFileError) as error:
        LanguageModel.load(run)
    assert str(error.value) == (
        f"{run / f'model.ckpt-{RUNS[name]}'}: the softmax predicts 608 words, but the vocabulary is "
        f"not known: {expected}"
    )


def test_options_that_do_not_match(char_run, load_error):
    path = char_run / "options.json"
    options = json.loads(path.read_text())
    options["lstm"]["projection_dim"] = 17
    path.write_text(json.dumps(options))
    message = load_error(ModelFileError, char_run)
    assert f"{char_run / 'model.ckpt-60'}" in message
    assert "lm/softmax/W: shape (608, 16), expected (608, 17)" in message
    assert "lm/CNN_proj/W_proj: shape (60, 16), expected (60, 17)" in message
    path.write_text('{"lstm": {"dim": 3}}')
    assert load_error(ConfigError, char_run) == f"{path}: 1 error: lstm.projection_dim: missing"


def test_a_checkpoint_without_its_data(char_run, load_error):
    (char_run / "model.ckpt-60.data-00000-of-00001").unlink()
    assert "model.ckpt-60.data-00000-of-00001" in load_error(MissingModelError, char_run)


def test_converting_loses_nothing(name, run, tmp_path):
    original = load(run)
    original.save_pretrained(tmp_path / "own")
    converted = load(tmp_path / "own")
    assert converted.facts == {"step": RUNS[name]}
    for one, other in zip(original.model.named_parameters(), converted.model.named_parameters(), strict=True):
        assert one[0] == other[0]
        assert one[1].numpy().tobytes() == other[1].numpy().tobytes()

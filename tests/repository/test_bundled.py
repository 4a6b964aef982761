"""The model that comes with the package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import metadata_load

from elmokit import ElmoEmbedder, LanguageModel, load
from elmokit.errors import ModelFileError
from elmokit.repository.bundled import BUNDLED_MODELS, find_bundled_model

LARGEST = 11e6  # bytes, all files together


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_every_bundled_model_loads_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(name)
    assert loaded.source == load(name.upper()).source == find_bundled_model(name)
    assert loaded.model.softmax is not None
    assert len(loaded.require_vocabulary()) == loaded.model.num_words


def test_a_path_comes_before_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load("tiny-en").save_pretrained("tiny-en")
    assert load("tiny-en").source == Path("tiny-en")


@pytest.mark.parametrize("content", [None, "train.sh"])
def test_a_directory_without_a_model_does_not_hide_the_name(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny-en").mkdir()
    if content is not None:
        Path("tiny-en", content).write_text("elmokit train\n")
    assert load("tiny-en").source == find_bundled_model("tiny-en")


def test_a_damaged_model_does_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load("tiny-en").save_pretrained("tiny-en")
    Path("tiny-en/model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"^tiny-en: no model in this directory"):
        load("tiny-en")


def test_it_is_small_and_its_card_describes_its_origin():
    directory = find_bundled_model("tiny-en")
    assert sum(path.stat().st_size for path in directory.iterdir()) < LARGEST
    card = (directory / "README.md").read_text(encoding="utf-8")
    assert metadata_load(directory / "README.md")["language"] == "en"
    for text in ("State of the Union", "Bible", "Jane Austen", "perplexity", "examples/tiny-en/train.sh"):
        assert text in card


@pytest.fixture(scope="module")
def word_in_context():
    """The script of examples, as a module."""
    path = Path(__file__).parents[2] / "examples" / "tiny-en" / "word_in_context.py"
    spec = importlib.util.spec_from_file_location("word_in_context", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_it_tells_senses_apart_better_than_any_static_vector(word_in_context):
    embedder = ElmoEmbedder.load("tiny-en")
    fitting = word_in_context.read_pairs("train") + word_in_context.read_pairs("dev")
    # Spelled the same, so without context the vectors are the same too.
    test = [pair for pair in word_in_context.read_pairs("test") if pair.has_same_form]
    fitted, tested = (word_in_context.cosines(embedder, pairs) for pairs in (fitting, test))
    is_same = np.array([pair.has_same_sense for pair in fitting])
    accuracy = {
        name: np.mean(
            (tested[name] > word_in_context.best_threshold(fitted[name], is_same))
            == [pair.has_same_sense for pair in test]
        )
        for name in fitted
    }
    np.testing.assert_allclose(tested["no context"], 1.0, rtol=1e-5)
    standard_error = np.sqrt(0.25 / len(test))
    assert accuracy["LSTM 2"] > 0.5 + 3 * standard_error
    assert accuracy["LSTM 2"] > accuracy["no context"] + standard_error


@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_is_the_best_there_is(word_in_context, seed):
    generator = np.random.default_rng(seed)
    similarities, is_same = generator.random(30), generator.random(30) > 0.4
    found = word_in_context.best_threshold(similarities, is_same)
    assert np.mean((similarities > found) == is_same) == max(
        np.mean((similarities > threshold) == is_same) for threshold in [-np.inf, *similarities]
    )


def test_the_interval_is_wilsons(word_in_context):
    # 15 of 50: 19.1 % to 43.8 %, by Wilson's formula worked out by hand.
    assert word_in_context.share(np.arange(50) < 15) == ("30.0%", "19.1% to 43.8%")


def test_it_predicts_words():
    model = LanguageModel.load("tiny-en")
    best = model.substitutes("the people of the United States want peace", 5, k=3).combined
    assert best[0].word == "States"
    (likely, unlikely) = model.score(["the people want peace", "peace want people the"])
    assert likely.perplexity < unlikely.perplexity

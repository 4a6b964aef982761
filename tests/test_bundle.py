from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from elmokit.bundle.loading import _EXPECTED, load_model
from elmokit.checkpoint import Checkpoint, checkpoint_directory, write_checkpoint
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, ModelFileError, VocabularyError
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.model.bilm import BiLM

VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", "cat", "dog"])
SMALL = ["embedding_dim=4", "filters=[[1, 4], [2, 4]]", "cell_dim=8", "projection_dim=4"]
WORDS = ["char_cnn=null", "cell_dim=8", "projection_dim=4"]


def model_of(config: Config, seed: int) -> BiLM:
    model = BiLM(config.model, len(VOCABULARY))
    model.reset_parameters(torch.Generator().manual_seed(seed))
    return model


def save_run(directory: Path, config: Config, *, best_step: int = 2) -> dict[int, BiLM]:
    """A save directory with checkpoints after steps 2 and 5."""
    directory.mkdir()
    config.save(directory / "config.json")
    VOCABULARY.save(directory / "vocab.txt")
    models = {step: model_of(config, step) for step in (2, 5)}
    for step, model in models.items():
        tensors = {name: value.detach() for name, value in model.named_parameters()}
        trainer = {
            "step": step,
            "best_step": best_step,
            "best_perplexity": 9.5 if best_step else None,
            "seconds": 1.5,
            "fingerprints": {"vocabulary": VOCABULARY.fingerprint, "training text": "0"},
        }
        checkpoint = Checkpoint({"model": tensors, "optimizer": {}, "state": {}}, trainer)
        write_checkpoint(checkpoint_directory(directory, step), checkpoint)
    return models


def save_pair(directory: Path, config: Config, *, vocabulary: Vocabulary | None = None) -> BiLM:
    """options.json and weights.hdf5."""
    directory.mkdir()
    model = model_of(config, 1)
    write_weights(directory / "weights.hdf5", config.model, dict(model.named_parameters()))
    options = config.to_bilm_options(num_words=len(VOCABULARY))
    (directory / "options.json").write_text(json.dumps(options))
    if vocabulary is not None:
        vocabulary.save(directory / "vocab.txt")
    return model


def same_weights(one: BiLM, other: BiLM) -> bool:
    """Of all parameters that the first has."""
    theirs = dict(other.named_parameters())
    return all(torch.equal(value, theirs[name]) for name, value in one.named_parameters())


def fault(kind: type[ElmokitError], path: Path) -> str:
    with pytest.raises(kind) as error:
        load_model(path)
    return str(error.value)


@pytest.fixture
def run(tmp_path) -> Path:
    save_run(tmp_path / "run", Config.load("tiny", SMALL))
    return tmp_path / "run"


@pytest.fixture
def pair(tmp_path) -> Path:
    save_pair(tmp_path / "pair", Config.load("tiny", SMALL))
    return tmp_path / "pair"


# --- what is found -------------------------------------------------------------------------------


def test_the_best_checkpoint_of_a_run(tmp_path):
    models = save_run(tmp_path / "run", Config.load("tiny", SMALL))
    found = load_model(tmp_path / "run")
    assert same_weights(found.model, models[2])
    assert not same_weights(found.model, models[5])
    assert found.source == checkpoint_directory(tmp_path / "run", 2)
    assert found.vocabulary == found.require_softmax() == VOCABULARY
    assert found.facts == {"step": 5, "best_step": 2, "best_perplexity": 9.5, "seconds": 1.5}
    assert not any(parameter.requires_grad for parameter in found.model.parameters())


def test_the_last_checkpoint_without_heldout_text(tmp_path):
    models = save_run(tmp_path / "run", Config.load("tiny", SMALL), best_step=0)
    found = load_model(str(tmp_path / "run"))
    assert same_weights(found.model, models[5])
    assert found.facts["best_perplexity"] is None


@pytest.mark.parametrize("name", ["", "weights.hdf5"])
def test_options_and_weights(tmp_path, name):
    model = save_pair(tmp_path / "pair", Config.load("tiny", SMALL))
    found = load_model(tmp_path / "pair" / name)
    assert same_weights(found.model, model)
    assert found.vocabulary is None
    with pytest.raises(ModelFileError, match="these weights come without a softmax"):
        found.require_softmax()


def test_a_vocabulary_beside_the_weights(tmp_path):
    save_pair(tmp_path / "pair", Config.load("tiny", SMALL), vocabulary=VOCABULARY)
    assert load_model(tmp_path / "pair").vocabulary == VOCABULARY


def test_a_word_model(tmp_path):
    model = save_pair(tmp_path / "pair", Config.load("tiny", WORDS), vocabulary=VOCABULARY)
    assert same_weights(load_model(tmp_path / "pair").model, model)
    assert ElmoEmbedder.load(tmp_path / "pair").embed(["the cow"])[0].shape == (3, 2, 8)


def test_a_word_model_whose_vocabulary_is_counted(tmp_path):
    save_pair(tmp_path / "pair", Config.load("tiny", WORDS), vocabulary=VOCABULARY)
    path = tmp_path / "pair/options.json"
    options = json.loads(path.read_text())
    del options["n_tokens_vocab"]
    path.write_text(json.dumps(options))
    assert load_model(tmp_path / "pair").model.num_words == len(VOCABULARY)
    (tmp_path / "pair/vocab.txt").unlink()
    assert "n_tokens_vocab: " in fault(ConfigError, tmp_path / "pair")


# --- what is not ---------------------------------------------------------------------------------


def test_nothing_there(tmp_path):
    assert fault(ModelFileError, tmp_path / "x") == (
        f"{tmp_path / 'x'}: no such file or directory: {_EXPECTED}"
    )


def test_an_empty_directory(tmp_path):
    assert fault(ModelFileError, tmp_path) == f"{tmp_path}: no model in this directory: {_EXPECTED}"


def test_two_weight_files(pair):
    shutil.copy(pair / "weights.hdf5", pair / "other.h5")
    message = fault(ModelFileError, pair)
    assert "expected one HDF5 file of weights, got other.h5, weights.hdf5: name the file itself" in message
    load_model(pair / "other.h5")


def test_a_file_that_is_no_weight_file(pair):
    assert "options.json: not a ZIP archive" in fault(ModelFileError, pair / "options.json")


def test_options_are_missing(pair):
    (pair / "options.json").unlink()
    message = fault(ModelFileError, pair)
    assert f"{pair / 'options.json'}: missing: the geometry of weights.hdf5 stands there" in message


@pytest.mark.parametrize("content", ["{", "[]", '{"lstm": 3}', '{"lstm": {"dim": -1}}', '{"lstm": null}'])
def test_options_are_wrong(pair, content):
    (pair / "options.json").write_text(content)
    assert "options.json" in fault(ConfigError, pair)


@pytest.mark.parametrize("value", ["6", -1, 2.5, [6]])
def test_a_number_of_words_that_is_none(tmp_path, value):
    save_pair(tmp_path / "pair", Config.load("tiny", WORDS), vocabulary=VOCABULARY)
    path = tmp_path / "pair/options.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_tokens_vocab": value}))
    assert "n_tokens_vocab" in fault(ConfigError, tmp_path / "pair")


def test_options_of_another_geometry_name_every_tensor(pair):
    path = pair / "options.json"
    options = json.loads(path.read_text())
    options["lstm"]["dim"] = 9
    options["char_cnn"]["n_highway"] = 2
    path.write_text(json.dumps(options))
    message = fault(ModelFileError, pair)
    assert "weights.hdf5: does not fit its options.json: " in message
    cell = "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell"
    assert f"{cell}/W_0: shape (8, 32), expected (8, 36)" in message
    assert f"{cell}/W_P_0: shape (8, 4), expected (9, 4)" in message
    assert "CNN_high_1/W_carry: missing" in message


def test_fewer_layers_than_stored(pair):
    path = pair / "options.json"
    options = json.loads(path.read_text())
    options["lstm"]["n_layers"] = 1
    path.write_text(json.dumps(options))
    assert "RNN_0/RNN/MultiRNNCell/Cell1/LSTMCell/W_0: unexpected" in fault(ModelFileError, pair)


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_truncated_weights(pair, size):
    content = (pair / "weights.hdf5").read_bytes()
    (pair / "weights.hdf5").write_bytes(content[:size])
    assert "weights.hdf5: cannot read the weights: damaged or not an HDF5 file" in fault(ModelFileError, pair)


def test_weights_that_are_not_finite(tmp_path):
    config = Config.load("tiny", SMALL)
    save_pair(tmp_path / "pair", config)
    parameters = dict(model_of(config, 1).named_parameters())
    parameters["encoder.embedding"] = parameters["encoder.embedding"].detach().clone()
    parameters["encoder.embedding"][3, 1] = torch.nan
    write_weights(tmp_path / "pair/weights.hdf5", config.model, parameters)
    assert "char_embed: holds NaN or infinite values" in fault(ModelFileError, tmp_path / "pair")


# --- runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [VOCABULARY.words[:-1], (*VOCABULARY.words, "cow")])
def test_a_vocabulary_of_another_size(run, words):
    Vocabulary(words).save(run / "vocab.txt")
    message = fault(CheckpointError, run)
    assert f"({len(words)} words)" in message
    assert f"softmax.weight: shape (6, 4), expected ({len(words)}, 4)" in message


def test_a_vocabulary_of_other_words(run):
    Vocabulary(["<S>", "</S>", "<UNK>", "cat", "the", "dog"]).save(run / "vocab.txt")
    assert "vocab.txt" in fault(CheckpointError, run)


@pytest.mark.parametrize("words", [VOCABULARY.words[:-1], (*VOCABULARY.words, "cow")])
def test_a_vocabulary_that_does_not_fit_word_embeddings(tmp_path, words):
    save_pair(tmp_path / "pair", Config.load("tiny", WORDS), vocabulary=Vocabulary(words))
    assert "vocab.txt" in fault(ModelFileError, tmp_path / "pair")


def test_a_damaged_vocabulary(run):
    (run / "vocab.txt").write_text("the\n")
    assert "vocab.txt:1: got 'the', expected <S>" in fault(VocabularyError, run)


@pytest.mark.parametrize("name", ["config.json", "vocab.txt"])
def test_a_run_without_its_records(run, name):
    (run / name).unlink()
    assert name in fault(ElmokitError, run)


def test_a_damaged_last_checkpoint_gives_way_to_the_one_before(tmp_path):
    models = save_run(tmp_path / "run", Config.load("tiny", SMALL))
    (checkpoint_directory(tmp_path / "run", 5) / "model.safetensors").write_bytes(b"")
    assert same_weights(load_model(tmp_path / "run").model, models[2])


def test_a_damaged_best_checkpoint_is_named(run):
    (checkpoint_directory(run, 2) / "model.safetensors").write_bytes(b"")
    assert "step-00000002/model.safetensors: damaged checkpoint" in fault(CheckpointError, run)


def test_a_run_without_a_checkpoint(run):
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").mkdir()
    assert "no checkpoint there" in fault(CheckpointError, run)

"""bilm-tf's functions for training, on the options of its scripts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from elmokit.config import Config
from elmokit.data.prepare import prepare_corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.dialects import bilm
from elmokit.dialects.bilm import training
from elmokit.errors import CheckpointError, ConfigError, ElmokitError, ElmokitWarning
from elmokit.loading import load
from elmokit.training.bilm_perplexity import bilm_perplexity

OPTIONS: dict[str, Any] = {
    "bidirectional": True,
    "char_cnn": {
        "activation": "relu",
        "embedding": {"dim": 4},
        "filters": [[1, 4], [2, 4]],
        "max_characters_per_token": 50,
        "n_characters": 261,
        "n_highway": 1,
    },
    "dropout": 0.1,
    "lstm": {
        "cell_clip": 3,
        "dim": 8,
        "n_layers": 2,
        "proj_clip": 3,
        "projection_dim": 4,
        "use_skip_connections": True,
    },
    "all_clip_norm_val": 10.0,
    "n_epochs": 1,
    "n_train_tokens": 100,
    "batch_size": 2,
    "n_tokens_vocab": 6,
    "unroll_steps": 5,
    "n_negative_samples_batch": 2,
}


@pytest.fixture
def data(tmp_path, monkeypatch) -> bilm.BidirectionalLMDataset:
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text("a b c\nb c a a\n" * 20)
    (tmp_path / "vocab.txt").write_text("<S>\n</S>\n<UNK>\na\nb\nc\n")
    vocabulary = bilm.load_vocab(tmp_path / "vocab.txt", 50)
    return bilm.BidirectionalLMDataset(str(tmp_path / "te*.txt"), vocabulary)


def test_train_test_and_train_on(data, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(training, "_STEPS_BETWEEN_LOGS", 10)
    directory = tmp_path / "checkpoint"
    with caplog.at_level("INFO", logger="elmokit.dialects.bilm"):
        bilm.train(OPTIONS, data, 1, directory, tmp_path / "logs")
    assert "Progress(step=10, " in caplog.text
    options, checkpoint = bilm.load_options_latest_checkpoint(directory)
    assert options == json.loads((directory / "options.json").read_text())
    assert (options["lstm"], options["batch_size"]) == (OPTIONS["lstm"], 2)
    pretrained = load(checkpoint, softmax=True)
    expected = bilm_perplexity(
        pretrained.model, prepare_corpus(data.filepattern), pretrained.require_softmax(), batch_size=3
    )
    assert bilm.test(options, checkpoint, data, batch_size=3) == expected
    before = {path: path.read_bytes() for path in directory.rglob("model.safetensors")}
    with pytest.warns(ElmokitWarning, match="nothing to do: this run has finished, after step "):
        bilm.train(OPTIONS, data, 1, directory)
    assert {path: path.read_bytes() for path in directory.rglob("model.safetensors")} == before
    bilm.train(OPTIONS, data, 1, tmp_path / "next", restart_ckpt_file=checkpoint)
    assert load(tmp_path / "next").facts["step"] > 0


def test_options_that_differ_from_the_run_in_the_directory(data, tmp_path):
    """What may change in a run changes; anything else is refused, and nothing is ignored."""
    directory = tmp_path / "checkpoint"
    bilm.train(OPTIONS, data, 1, directory)
    step = load(directory).facts["step"]
    for name, value, message in (
        ("batch_size", 3, "training.batch_size: 2, 3"),
        ("dropout", 0.5, "training.dropout: 0.1, 0.5"),
        ("lstm", OPTIONS["lstm"] | {"n_layers": 1}, "model.lstm.num_layers: 2, 1"),
    ):
        with pytest.raises(
            ConfigError, match="settings differ from those that the run was started with"
        ) as raised:
            bilm.train(OPTIONS | {name: value}, data, 1, directory)
        assert message in str(raised.value)
    other = bilm.BidirectionalLMDataset(data.filepattern, Vocabulary(["<S>", "</S>", "<UNK>", "a"]))
    with pytest.raises(CheckpointError, match=r"another vocabulary \(6 words, the data has 4\)"):
        bilm.train(OPTIONS, other, 1, directory)
    assert load(directory).facts["step"] == step
    bilm.train(OPTIONS | {"n_epochs": 2}, data, 1, directory)
    assert load(directory).facts["step"] == 2 * step


def test_several_gpus_are_processes_of_the_command(data, tmp_path, monkeypatch):
    """Each computes batch_size rows, and they train the run that the command line would."""
    started = []

    def launch(arguments, num_processes):
        started.append(num_processes)
        config = Config.load(arguments[arguments.index("--config") + 1])
        vocabulary = Vocabulary.load(arguments[arguments.index("--vocab-file") + 1])
        assert (config.training.num_rows, config.training.batch_size) == (6, 2)
        assert (vocabulary, config.training.recipe) == (data.vocab, "bilm")
        text = ["--train-prefix", data.filepattern]
        assert arguments[:5] == ["train", "--save-dir", str(tmp_path / "new"), *text]
        return len(started) - 1

    monkeypatch.setattr("elmokit.training.launch.launch", launch)
    bilm.train(OPTIONS, data, 3, tmp_path / "new")
    with pytest.raises(ElmokitError, match="training in 3 processes has ended with status 1"):
        bilm.train(OPTIONS, data, 3, tmp_path / "new")
    assert started == [3, 3]


def test_what_is_refused(data, tmp_path):
    with pytest.raises(ConfigError, match="n_gpus: expected at least 1, got 0"):
        bilm.train(OPTIONS, data, 0, tmp_path / "new")
    with pytest.raises(ConfigError, match="reverse"):
        bilm.LMDataset("text.txt", data.vocab, reverse=True)
    with pytest.raises(ConfigError, match=r"^options: 1 error: n_epoch: unknown setting, did you mean"):
        bilm.train(OPTIONS | {"n_epoch": 3}, data, 1, tmp_path / "new")
    assert not (tmp_path / "new").exists()

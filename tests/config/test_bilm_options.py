from __future__ import annotations

import json

import pytest

from elmokit.config import Config


def test_options_for_training(write, bilm_options):
    config = Config.load(write("options.json", bilm_options))
    char_cnn, lstm, training = config.model.char_cnn, config.model.lstm, config.training
    assert char_cnn is not None
    assert char_cnn.model_dump() == {
        "embedding_dim": 4,
        "filters": ((1, 4), (2, 8), (3, 16), (4, 32)),
        "activation": "tanh",
        "num_highway": 2,
        "max_characters": 40,
    }
    assert lstm.model_dump() == {
        "cell_dim": 32,
        "projection_dim": 16,
        "num_layers": 3,
        "cell_clip": 2,
        "projection_clip": 1.5,
        "skip_connections": True,
    }
    assert (config.model.bidirectional, config.model.tie_softmax) == (True, False)
    assert (training.batch_size, training.unroll_steps, training.num_epochs) == (4, 10, 7)
    assert (training.learning_rate, training.clip_norm, training.dropout) == (0.1, 5, 0.25)
    assert training.num_negatives == 64


def test_full_softmax(write, bilm_options):
    assert (
        Config.load(write("options.json", bilm_options | {"sample_softmax": False})).training.num_negatives
        == 0
    )


def test_defaults_of_the_original(write, bilm_options):
    char_cnn = {key: value for key, value in bilm_options["char_cnn"].items() if key != "n_highway"}
    options = {"char_cnn": char_cnn, "lstm": {"dim": 32, "projection_dim": 16}, "batch_size": 4}
    config = Config.load(write("options.json", options))
    lstm = config.model.lstm
    assert (lstm.cell_clip, lstm.projection_clip, lstm.num_layers) == (None, None, 1)
    assert not lstm.skip_connections
    assert not config.model.bidirectional
    assert config.training.dropout == 0
    assert config.model.char_cnn is not None
    assert config.model.char_cnn.num_highway == 0


def test_inference_options_are_bidirectional_by_default(write, bilm_options):
    options = {"char_cnn": bilm_options["char_cnn"] | {"n_characters": 262}, "lstm": bilm_options["lstm"]}
    assert Config.load(write("options.json", options)).model.bidirectional


def test_word_options(write, bilm_options):
    options = {key: value for key, value in bilm_options.items() if key != "char_cnn"}
    config = Config.load(write("options.json", options | {"share_embedding_softmax": True}))
    assert config.model.char_cnn is None
    assert config.model.tie_softmax


def test_all_errors_of_options_in_one_message(write, error_of, bilm_options):
    options = bilm_options | {
        "batchsize": 3,
        "lstm": bilm_options["lstm"] | {"cell_clp": 3},
        "char_cnn": bilm_options["char_cnn"] | {"n_characters": 300},
    }
    message = error_of(write("options.json", options))
    assert "options.json: 3 errors: " in message
    assert "batchsize: unknown setting, did you mean 'batch_size'?" in message
    assert "lstm.cell_clp: unknown setting, did you mean 'cell_clip'?" in message
    assert "char_cnn.n_characters: expected 261 or 262, got 300" in message


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["num_negatives=0"],
        ["cell_clip=null", "projection_clip=null", "skip_connections=false", "num_layers=1"],
        ["char_cnn=null", "tie_softmax=true"],
        ["bidirectional=false", "num_highway=0", "dropout=0"],
    ],
    ids=" ".join,
)
def test_options_round_trip(changes, write):
    config = Config.load("small", changes)
    options = config.to_bilm_options(num_words=99)
    assert options["n_tokens_vocab"] == 99
    if config.model.char_cnn is not None:
        assert options["char_cnn"]["n_characters"] == 262
    again = Config.load(write("options.json", options))
    assert again.model == config.model
    names = ("batch_size", "unroll_steps", "num_epochs", "learning_rate", "clip_norm", "dropout")
    for name in (*names, "num_negatives"):
        assert getattr(again.training, name) == getattr(config.training, name)


def test_the_recipe_travels_in_the_options(tmp_path):
    """An Adam run stays one when its options are used as a configuration, and other tools ignore the key."""
    config = Config.load("tiny", ["seed=7", "patience=4", "warmup=0.3"])
    options = config.to_bilm_options(num_words=10)
    path = tmp_path / "options.json"
    path.write_text(json.dumps(options))
    assert Config.load(path).training == config.training
    # What the original knows has one place, where it can be edited.
    options["learning_rate"] = 0.5
    options["elmokit"]["training"]["unheard_of"] = 1  # of a later version
    path.write_text(json.dumps(options))
    assert Config.load(path).training == config.changed(["learning_rate=0.5"], source="").training
    del options["elmokit"]
    path.write_text(json.dumps(options))
    assert Config.load(path).training.optimizer == "adagrad"

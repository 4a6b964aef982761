from __future__ import annotations

import json

import pytest

from elmokit.config import SHIPPED_CONFIGS, Config, ModelConfig, TrainingConfig
from elmokit.errors import ConfigError

# The options of the published original, as bilm-tf wrote them for training.
OPTIONS = {
    "bidirectional": True,
    "char_cnn": {
        "activation": "tanh",
        "embedding": {"dim": 4},
        "filters": [[1, 4], [2, 8], [3, 16], [4, 32]],
        "max_characters_per_token": 40,
        "n_characters": 261,
        "n_highway": 2,
    },
    "dropout": 0.25,
    "lstm": {
        "cell_clip": 2,
        "dim": 32,
        "n_layers": 3,
        "proj_clip": 1.5,
        "projection_dim": 16,
        "use_skip_connections": True,
    },
    "all_clip_norm_val": 5.0,
    "batch_size": 4,
    "unroll_steps": 10,
    "n_negative_samples_batch": 64,
    "sample_softmax": True,
    "learning_rate": 0.1,
    "n_tokens_vocab": 608,
    "n_train_tokens": 600,
    "n_epochs": 7,
}


def write(directory, name: str, content) -> str:
    path = directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def fault(*arguments) -> str:
    with pytest.raises(ConfigError) as error:
        Config.load(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- shipped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED_CONFIGS)
def test_shipped_configurations_load(name):
    config = Config.load(name)
    assert config.model.bidirectional
    assert config.model.lstm.num_layers == 2


def test_the_original_is_the_original():
    config = Config.load("original")
    assert config.model == ModelConfig()
    char_cnn, lstm = config.model.char_cnn, config.model.lstm
    assert char_cnn is not None
    assert (char_cnn.num_filters, char_cnn.num_highway, char_cnn.embedding_dim) == (2048, 2, 16)
    assert char_cnn.max_characters == 50
    assert (lstm.cell_dim, lstm.projection_dim, lstm.cell_clip, lstm.projection_clip) == (4096, 512, 3, 3)
    training = config.training
    assert (training.recipe, training.optimizer, training.schedule) == ("bilm", "adagrad", "constant")
    assert (training.learning_rate, training.initial_accumulator, training.clip_norm) == (0.2, 1.0, 10)
    assert (training.batch_size, training.unroll_steps) == (128, 20)
    assert (training.dropout, training.num_negatives) == (0.1, 8192)
    assert (training.warmup, training.state_reset, training.unigram_bias) == (0, 0, False)


# --- recipes ---------------------------------------------------------------------------------------


def test_a_recipe_sets_what_is_not_given():
    original = Config.load("original").training
    for name in ("tiny", "small"):
        bilm = Config.load(name, ["recipe=bilm"]).training
        adam = Config.load(name).training
        assert adam.recipe == adam.optimizer == "adam"
        for setting in (
            "optimizer",
            "learning_rate",
            "schedule",
            "warmup",
            "initial_accumulator",
            "clip_norm",
        ):
            assert getattr(bilm, setting) == getattr(original, setting)
        assert (bilm.dropout, bilm.state_reset, bilm.unigram_bias) == (0.1, 0.0, False)
        assert (bilm.batch_size, bilm.unroll_steps) == (adam.batch_size, adam.unroll_steps)


@pytest.mark.parametrize(
    "overrides", [["recipe=bilm", "learning_rate=0.1"], ["learning_rate=0.1", "recipe=bilm"]]
)
def test_what_is_given_beside_a_recipe_counts(overrides):
    training = Config.load("tiny", overrides).training
    assert (training.optimizer, training.learning_rate) == ("adagrad", 0.1)


def test_another_recipe_takes_back_the_settings_of_the_one_before(tmp_path):
    resolved = Config.load("tiny", ["recipe=bilm", "learning_rate=0.1", "batch_size=7"])
    resolved.save(tmp_path / "config.json")
    changed = Config.load(tmp_path / "config.json", ["recipe=adam"]).training
    assert changed.learning_rate == TrainingConfig().learning_rate
    assert (changed.optimizer, changed.schedule, changed.batch_size) == ("adam", "cosine", 7)
    assert Config.load(tmp_path / "config.json") == resolved


def test_an_unknown_recipe():
    assert "recipe" in fault("tiny", ["recipe=sgd"])


# --- the original's options.json -----------------------------------------------------------------


def test_options_for_training(tmp_path):
    config = Config.load(write(tmp_path, "options.json", OPTIONS))
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


def test_full_softmax(tmp_path):
    assert (
        Config.load(
            write(tmp_path, "options.json", OPTIONS | {"sample_softmax": False})
        ).training.num_negatives
        == 0
    )


def test_what_the_original_does_where_its_options_say_nothing(tmp_path):
    char_cnn = {key: value for key, value in OPTIONS["char_cnn"].items() if key != "n_highway"}
    options = {"char_cnn": char_cnn, "lstm": {"dim": 32, "projection_dim": 16}, "batch_size": 4}
    config = Config.load(write(tmp_path, "options.json", options))
    lstm = config.model.lstm
    assert (lstm.cell_clip, lstm.projection_clip, lstm.num_layers) == (None, None, 1)
    assert not lstm.skip_connections
    assert not config.model.bidirectional
    assert config.training.dropout == 0
    assert config.model.char_cnn is not None
    assert config.model.char_cnn.num_highway == 0


def test_inference_options_are_bidirectional_though_they_do_not_say_so(tmp_path):
    options = {"char_cnn": OPTIONS["char_cnn"] | {"n_characters": 262}, "lstm": OPTIONS["lstm"]}
    assert Config.load(write(tmp_path, "options.json", options)).model.bidirectional


def test_word_options(tmp_path):
    options = {key: value for key, value in OPTIONS.items() if key != "char_cnn"}
    config = Config.load(write(tmp_path, "options.json", options | {"share_embedding_softmax": True}))
    assert config.model.char_cnn is None
    assert config.model.tie_softmax


def test_faults_of_options_are_told_all_at_once(tmp_path):
    options = OPTIONS | {
        "batchsize": 3,
        "lstm": OPTIONS["lstm"] | {"cell_clp": 3},
        "char_cnn": OPTIONS["char_cnn"] | {"n_characters": 300},
    }
    message = fault(write(tmp_path, "options.json", options))
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
def test_options_round_trip(tmp_path, changes):
    config = Config.load("small", changes)
    options = config.to_bilm_options(num_words=99)
    assert options["n_tokens_vocab"] == 99
    if config.model.char_cnn is not None:
        assert options["char_cnn"]["n_characters"] == 262
    again = Config.load(write(tmp_path, "options.json", options))
    assert again.model == config.model
    names = ("batch_size", "unroll_steps", "num_epochs", "learning_rate", "clip_norm", "dropout")
    for name in (*names, "num_negatives"):
        assert getattr(again.training, name) == getattr(config.training, name)


# --- files ---------------------------------------------------------------------------------------


def test_toml_file(tmp_path):
    text = "[model.lstm]\ncell_dim = 8\n[training]\nbatch_size = 3\npatience = 2\n"
    config = Config.load(write(tmp_path, "c.toml", text))
    assert (config.model.lstm.cell_dim, config.training.batch_size, config.training.patience) == (8, 3, 2)
    assert config.model.lstm.projection_dim == 512


def test_a_saved_configuration_is_loaded_as_it_was(tmp_path):
    config = Config.load("tiny", ["cell_clip=null", "dropout=0.3", "filters=[[1, 8]]", "max_steps=7"])
    config.save(tmp_path / "config.json")
    again = Config.load(tmp_path / "config.json")
    assert again == config
    assert again.differences(config) == []


def test_unknown_name():
    message = fault("smal")
    assert message.startswith("no configuration named 'smal' (did you mean 'small'?)")
    assert "tiny, small, original, or a .toml or .json file" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.toml", "x = = 1", "not a valid TOML file"),
        ("c.json", "{", "not a valid JSON file"),
        ("c.json", "[1]", "expected a table of settings, got list"),
        ("c.json", '{"training": 3}', "training: "),
        ("c.json", '{"training": null}', "training: "),
    ],
)
def test_unreadable_files(tmp_path, name, content, expected):
    message = fault(write(tmp_path, name, content))
    assert name in message
    assert expected in message


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.toml"
    assert fault(path) == f"{path}: cannot read the configuration: No such file or directory"


def test_not_utf8(tmp_path):
    (tmp_path / "c.toml").write_bytes(b"# \xff\n")
    assert "not a valid TOML file" in fault(tmp_path / "c.toml")


# --- faults --------------------------------------------------------------------------------------


def test_all_faults_are_told_at_once(tmp_path):
    text = """
    [training]
    batchsize = 3
    dropout = 1.0
    [model.lstm]
    cell_dim = 0
    """
    message = fault(write(tmp_path, "c.toml", text))
    assert ": 3 faults: " in message
    assert "training.batchsize: unknown setting, did you mean 'batch_size'?" in message
    assert "training.dropout: input should be less than 1, got 1.0" in message
    assert "model.lstm.cell_dim: input should be greater than or equal to 1, got 0" in message


def test_an_unknown_section(tmp_path):
    message = fault(write(tmp_path, "c.toml", "[trainig]\nbatch_size = 3\n"))
    assert "trainig: unknown setting, did you mean 'training'?" in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("filters=[]", "needs at least one"),
        ("filters=[[0, 4]]", "must be at least [1, 1]"),
        ("filters=[[51, 4]]", "a filter of width 51 does not fit max_characters=50"),
        ("filters=[[1]]", "filters"),
        ("tie_softmax=true", "tie_softmax needs word embeddings"),
        ("activation=gelu", "'relu' or 'tanh', got 'gelu'"),
        ("blank_lines=drop", "'skip' or 'keep', got 'drop'"),
        ("batch_size=2.5", "batch_size"),
        ("batch_size=many", "got 'many'"),
        ("batch_size=", "batch_size"),
        ("batch_size=null", "batch_size"),
        ("learning_rate=nan", "learning_rate"),
        ("learning_rate=-1", "learning_rate"),
        ("max_characters=2", "max_characters"),
        ("shuffle=perhaps", "shuffle"),
        ("training=null", "training"),
    ],
)
def test_impossible_values(override, expected):
    assert expected in fault("tiny", [override])


@pytest.mark.parametrize("override", ["learning_rate=inf", "clip_norm=inf", "cell_clip=inf"])
def test_infinite_values_which_json_cannot_hold(override):
    assert override.split("=")[0] in fault("tiny", [override])


# --- overrides -----------------------------------------------------------------------------------


def test_overrides():
    config = Config.load(
        "tiny",
        [
            "batch_size=3",
            "training.learning_rate=0.5",
            "model.lstm.cell_clip=null",
            "filters=[[1, 8], [2, 4]]",
            "activation=tanh",
            "shuffle=false",
            "batch_size=4",
        ],
    )
    assert (config.training.batch_size, config.training.learning_rate) == (4, 0.5)
    assert config.model.lstm.cell_clip is None
    assert config.model.char_cnn is not None
    assert config.model.char_cnn.filters == ((1, 8), (2, 4))
    assert config.model.char_cnn.activation == "tanh"
    assert config.training.shuffle is False


def test_a_section_may_be_set_to_null():
    assert Config.load("tiny", ["char_cnn=null"]).model.char_cnn is None


def test_overrides_reach_options_of_bilm_tf(tmp_path):
    config = Config.load(write(tmp_path, "options.json", OPTIONS), ["batch_size=9", "cell_dim=5"])
    assert (config.training.batch_size, config.model.lstm.cell_dim) == (9, 5)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("batchsize=3", "no setting is called 'batchsize': did you mean 'batch_size'?"),
        ("training.bach_size=3", "did you mean 'training.batch_size'?"),
        ("model.batch_size=3", "no setting is called 'model.batch_size'"),
        ("xyzzy=3", "no setting is called 'xyzzy'"),
        ("batch_size", "override 'batch_size': expected key=value"),
        ("=3", "override '=3'"),
    ],
)
def test_overrides_that_name_nothing(override, expected):
    assert expected in fault("tiny", [override])


def test_a_setting_of_a_section_that_is_null():
    message = fault("tiny", ["char_cnn=null", "num_highway=2"])
    assert message == "override 'num_highway=2': char_cnn is None, not a section"


# --- differences ---------------------------------------------------------------------------------


def test_differences_name_the_settings():
    one, other = Config.load("tiny"), Config.load("tiny", ["batch_size=3", "cell_clip=null"])
    assert one.differences(other) == [
        "model.lstm.cell_clip: 3.0, None",
        f"training.batch_size: {one.training.batch_size}, 3",
    ]


def test_differences_of_a_section_that_one_lacks():
    differences = Config.load("tiny").differences(Config.load("tiny", ["char_cnn=null"]))
    assert {line.split(":")[0].rsplit(".", 1)[0] for line in differences} <= {"model", "model.char_cnn"}
    assert "model.char_cnn.num_highway: 1, None" in differences


def test_configurations_are_immutable():
    config = Config.load("tiny")
    with pytest.raises(ValueError, match="frozen"):
        config.training.batch_size = 3  # type: ignore[misc]

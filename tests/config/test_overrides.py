from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.config.bilm_options import BILM_NAMES, COUNTED, IMPLIED
from elmokit.errors import UnknownSettingsWarning


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


def test_overrides_reach_options_of_bilm_tf(write, bilm_options):
    config = Config.load(write("options.json", bilm_options), ["batch_size=9", "cell_dim=5"])
    assert (config.training.batch_size, config.model.lstm.cell_dim) == (9, 5)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("batchsize=3", "no setting is named 'batchsize': did you mean 'batch_size'?"),
        ("training.bach_size=3", "did you mean 'training.batch_size'?"),
        ("model.batch_size=3", "no setting is named 'model.batch_size'"),
        ("xyzzy=3", "no setting is named 'xyzzy'"),
        ("batch_size", "override 'batch_size': expected key=value"),
        ("=3", "override '=3'"),
    ],
)
def test_overrides_of_unknown_settings(override, expected, error_of):
    assert expected in error_of("tiny", [override])


def test_every_option_of_bilm_tf_is_an_override(bilm_options):
    """As in its scripts, in full or by the last name."""
    special = {"activation": "tanh", "filters": [[1, 8], [2, 4]], "bidirectional": False}
    special |= {"skip_connections": False, "tie_softmax": True, "dropout": 0.5, "cell_dim": 128}
    special |= {"learning_rate": 0.5}
    for path, ours in BILM_NAMES.items():
        changed = special.get(ours[-1], 40)
        without_characters = ["char_cnn=null"] if ours[-1] == "tie_softmax" else []
        for name in {".".join(path), path[-1]} - {"dim"}:
            config = Config.load("tiny", [*without_characters, f"{name}={json.dumps(changed)}"])
            found = config.model_dump(mode="json")
            for key in ours:
                found = found[key]
            assert found == changed, name


def test_every_option_of_bilm_tf_is_in_the_table_of_the_docs():
    page = Path(__file__).parents[2] / "docs" / "from-the-tutorial.md"
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (?:`(\w+)[^`]*`)?", page.read_text(encoding="utf-8"), re.M))
    for path, ours in BILM_NAMES.items():
        assert rows[".".join(path)] == ours[-1]
    for name in (*COUNTED, *IMPLIED):
        assert name in rows or f"char_cnn.{name}" in rows


def test_options_of_bilm_tf_that_are_implied():
    config = Config.load("tiny", ["num_negatives=8", "sample_softmax=True", "n_characters=262"])
    assert config.training.num_negatives == 8
    assert Config.load("tiny", ["sample_softmax=False"]).training.num_negatives == 0
    assert Config.load("tiny", ["char_cnn.n_characters=261"]) == Config.load("tiny")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("n_characters=500", "n_characters: expected 261 or 262, got 500"),
        ("sample_softmax=3", "sample_softmax: expected true or false, got 3"),
        (
            "dim=32",
            "dim may be char_cnn.embedding.dim (model.char_cnn.embedding_dim) or lstm.dim "
            "(model.lstm.cell_dim): write one of them",
        ),
    ],
)
def test_options_of_bilm_tf_that_do_not_say_enough(override, expected, error_of):
    assert expected in error_of("tiny", [override])


def test_hyphens_as_in_options():
    assert Config.load("tiny", ["batch-size=3", "n-epochs=2"]) == Config.load(
        "tiny", ["batch_size=3", "num_epochs=2"]
    )


def test_a_setting_of_a_section_that_is_null(error_of):
    message = error_of("tiny", ["char_cnn=null", "num_highway=2"])
    assert message == "override 'num_highway=2': char_cnn is None, not a section"


@pytest.mark.parametrize(
    "value", ["9" * 5000, "[" * 500 + "]" * 500, "{a=" * 600 + "1" + "}" * 600, "[[1, " + "9" * 5000 + "]]"]
)
def test_values_that_python_cannot_hold(value, error_of):
    for key in ("seed", "filters", "training.batch_size"):
        error = error_of("tiny", [f"{key}={value}"])
        assert error.startswith(f"override {key}={value[:20]}")
        assert error.endswith("…: the number is too long or the lists too deep")
        assert len(error) < 150


def test_seeds(error_of):
    assert Config.load("tiny", [f"seed={2**64 - 1}"]).training.seed == 2**64 - 1
    assert "training.seed: input should be less than or equal to 18446744073709551615" in error_of(
        "tiny", ["seed=99999999999999999999"]
    )


def test_long_values_are_cut_in_messages(error_of):
    assert len(error_of("tiny", ["seed=" + "x" * 5000])) < 250


def test_names_of_bilm_tf():
    names = ["n_epochs=3", "all_clip_norm_val=5", "n_negative_samples_batch=100", "n_gpus=1", "proj_clip=2"]
    config = Config.load("tiny", names)
    training = config.training
    assert (training.num_epochs, training.clip_norm, training.num_negatives) == (3, 5.0, 100)
    assert config.model.lstm.projection_clip == 2.0


@pytest.mark.parametrize("override", ["n_train_tokens=768648884", "n_tokens_vocab=793471"])
def test_what_is_counted_is_not_needed(override):
    with pytest.warns(UnknownSettingsWarning, match=f"counted by elmokit, so '{override}' has no effect"):
        assert Config.load("tiny", [override]) == Config.load("tiny")


def test_the_number_of_gpus_of_bilm_tf():
    training = Config.load("tiny", ["n_gpus=3", "batch_size=4", "accumulation_steps=2"]).training
    assert (training.num_processes, training.rows_per_process, training.num_rows) == (3, 8, 24)


def test_the_options_of_a_tutorial_without_the_geometry(write, error_of):
    path = write("options.json", {"bidirectional": True, "batch_size": 128, "n_train_tokens": 5})
    assert "lstm.dim: missing; lstm.projection_dim: missing" in error_of(path)

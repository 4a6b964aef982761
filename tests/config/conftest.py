"""Configuration files, and the errors of configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from elmokit.config import Config
from elmokit.errors import ConfigError

# The options of the published original, as bilm-tf wrote them for training.
_OPTIONS = {
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


@pytest.fixture
def bilm_options() -> dict:
    return json.loads(json.dumps(_OPTIONS))


@pytest.fixture
def write(tmp_path) -> Callable[[str, object], str]:
    """Write a file of text, or of values as JSON, and return its path."""

    def write(name: str, content: object) -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def error_of() -> Callable[..., str]:
    """The error of a configuration, which is one line."""

    def error_of(name: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> str:
        with pytest.raises(ConfigError) as error:
            Config.load(name, overrides)
        assert "\n" not in str(error.value)
        return str(error.value)

    return error_of

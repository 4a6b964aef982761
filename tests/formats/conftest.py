"""Tiny models of every kind, with everything that is known about them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ElmokitError
from elmokit.loading import load
from elmokit.model.bilm import BiLM
from elmokit.pretrained import PretrainedModel

WORDS = ("<S>", "</S>", "<UNK>", "the", "cat", "dog", "naïve", "我")

SMALL = ["embedding_dim=4", "filters=[[1, 4], [2, 4]]", "cell_dim=8", "projection_dim=4"]
KINDS = {
    "characters": SMALL,
    "forward only": [*SMALL, "bidirectional=false"],
    "forward only, one layer": [*SMALL, "bidirectional=false", "num_layers=1"],
    "no projections": [*SMALL, "cell_dim=8", "projection_dim=8", "num_highway=0", "activation=tanh"],
    "no clips": [*SMALL, "cell_clip=null", "projection_clip=null", "skip_connections=false"],
    "words": ["char_cnn=null", "cell_dim=8", "projection_dim=4"],
    "tied words": ["char_cnn=null", "cell_dim=8", "projection_dim=4", "tie_softmax=true"],
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What is special about a model."""
    name: str = request.param
    return name


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(WORDS)


@pytest.fixture
def make() -> Callable[..., PretrainedModel]:
    """A model of a kind, with random parameters."""

    def pretrained(kind: str = "characters", *, seed: int = 3, with_softmax: bool = True) -> PretrainedModel:
        config = Config.load("tiny", KINDS[kind])
        model = BiLM(config.model, len(WORDS))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.4, generator=generator)
        if not with_softmax:
            model.softmax = None
        return PretrainedModel(model.requires_grad_(False), config, Vocabulary(WORDS), Path("somewhere"))

    return pretrained


@pytest.fixture
def assert_same() -> Callable[[PretrainedModel, PretrainedModel], None]:
    """The second model has the parameters of the first, and no more, to the bit."""

    def check(one: PretrainedModel, other: PretrainedModel) -> None:
        ours, theirs = (dict(pretrained.model.named_parameters()) for pretrained in (one, other))
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            assert theirs[name].dtype == torch.float32
            assert theirs[name].numpy().tobytes() == value.numpy().tobytes(), name
            assert not theirs[name].requires_grad
        assert other.config.model == one.config.model
        assert other.vocabulary == one.vocabulary

    return check


@pytest.fixture
def load_error() -> Callable[..., str]:
    """The message of a model that cannot be loaded."""

    def message(kind: type[ElmokitError], path: Path) -> str:
        with pytest.raises(kind) as error:
            load(path)
        message = str(error.value)
        assert type(error.value) is kind
        assert "\n" not in message
        return message

    return message


@pytest.fixture
def does_not_wait_for_pipe() -> Callable[[Path, str], bool]:
    """Whether a model is loaded or refused with a pipe, into which nobody writes, in place of a file."""

    def check(directory: Path, name: str) -> bool:
        (directory / name).unlink(missing_ok=True)
        os.mkfifo(directory / name)
        outcome: list[object] = []

        def attempt() -> None:
            try:
                outcome.append(load(directory))
            except ElmokitError as error:
                outcome.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(20)
        if not outcome:
            os.close(os.open(directory / name, os.O_RDWR))  # let it go
        return bool(outcome)

    return check


@pytest.fixture
def write(make, tmp_path) -> Callable[..., Path]:
    """The directory of a pair, with softmax and vocabulary."""

    def pair(kind: str = "characters", name: str = "pair", **settings: Any) -> Path:
        make(kind, **settings).save_bilm(tmp_path / name, with_softmax=True)
        return tmp_path / name

    return pair


@pytest.fixture
def pair(write) -> Path:
    return write()


@pytest.fixture
def change_options() -> Callable[..., None]:
    """Change the options of a pair in place."""

    def change(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
        path = directory / "options.json"
        options = json.loads(path.read_text())
        change(options)
        path.write_text(json.dumps(options))

    return change

"""Recorded runs of bilm-tf, and elmokit's replay of them."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.data.batches import TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.prepare import prepare_corpus
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import Vocabulary
from elmokit.kernels import library
from elmokit.model.bilm import BiLM
from elmokit.model.softmax import Candidates
from elmokit.training.gradients import clip_gradients
from elmokit.training.optimizer import Adagrad

GOLDEN = Path(__file__).parents[1] / "golden"

# Our name of a parameter → TensorFlow's, spelled out here and not taken from the code under test.
_TENSORFLOW_NAMES = (
    (r"encoder\.weight", r"embedding"),
    (r"encoder\.embedding", r"char_embed"),
    (r"encoder\.kernels\.(\d+)", r"CNN/W_cnn_\1"),
    (r"encoder\.biases\.(\d+)", r"CNN/b_cnn_\1"),
    (r"encoder\.highways\.(\d+)\.(carry|transform)", r"CNN_high_\1/W_\2"),
    (r"encoder\.highways\.(\d+)\.(carry|transform)_bias", r"CNN_high_\1/b_\2"),
    (r"encoder\.projection", r"CNN_proj/W_proj"),
    (r"encoder\.projection_bias", r"CNN_proj/b_proj"),
    (r"stacks\.(\d+)\.(\d+)\.(kernel|bias)", r"RNN_\1/rnn/multi_rnn_cell/cell_\2/lstm_cell/\3"),
    (
        r"stacks\.(\d+)\.(\d+)\.projection",
        r"RNN_\1/rnn/multi_rnn_cell/cell_\2/lstm_cell/projection/kernel",
    ),
    (r"softmax\.weight", r"softmax/W"),
    (r"softmax\.bias", r"softmax/b"),
)


def tensorflow_name(name: str, config: Config) -> str:
    for pattern, replacement in _TENSORFLOW_NAMES:
        if re.fullmatch(pattern, name):
            name = re.sub(pattern, replacement, name)
            break
    if not config.model.bidirectional:
        name = name.replace("RNN_0/", "")
    if config.model.lstm.num_layers == 1:
        name = name.replace("multi_rnn_cell/cell_0/", "")
    return "lm/" + name


@dataclass(frozen=True, eq=False)
class Trace:
    """What bilm-tf's training did."""

    directory: Path
    corpus: Corpus

    @cached_property
    def config(self) -> Config:
        return Config.load(self.directory / "options.json")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.load(self.directory / "vocab.txt")

    @cached_property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.directory / "trace.json").read_text(encoding="utf-8"))
        return record

    def per_batch(self, key: str) -> np.ndarray:
        return np.array([batch[key] for batch in self.record["per_batch"]])

    @functools.cache  # noqa: B019 - a handful of traces, which live as long as the session
    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.directory / f"{name}.npz") as file:
            return dict(file)

    def by_parameter(self, name: str, suffix: str = "") -> dict[str, Tensor]:
        """The recorded arrays under our names, in our shapes."""
        arrays = self.arrays(name)
        return {
            ours: torch.from_numpy(arrays[f"{tensorflow_name(ours, self.config)}{suffix}:0"]).reshape(
                parameter.shape
            )
            for ours, parameter in self.empty_model().named_parameters()
        }

    def empty_model(self) -> BiLM:
        return BiLM(self.config.model, len(self.vocabulary))

    def model(self, weights: str) -> BiLM:
        """The model with ``init_weights`` or ``final_weights``."""
        model = self.empty_model()
        load_parameters(model, self.by_parameter(weights))
        return model


def load_parameters(model: BiLM, values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(values[name])


@dataclass
class Replay:
    """What elmokit does from the same weights on the same text."""

    trace: Trace
    model: BiLM
    optimizer: Adagrad
    batches: list[TextBatch] = field(default_factory=list)
    """The first five."""
    losses: list[list[float]] = field(default_factory=list)
    """Of each direction, at each step."""
    norms: list[float] = field(default_factory=list)
    first_gradients: dict[str, Tensor] = field(default_factory=dict)
    first_activations: dict[str, np.ndarray] = field(default_factory=dict)
    states: list[list[np.ndarray]] = field(default_factory=list)
    """After each step: direction by direction, layer by layer, cell and hidden."""


def replay_trace(trace: Trace) -> Replay:
    training, model = trace.config.training, trace.model("init_weights")
    char_cnn = trace.config.model.char_cnn
    text = IndexedCorpus(
        trace.corpus,
        trace.vocabulary,
        max_characters=None if char_cnn is None else char_cnn.max_characters,
    )
    stream = TrainingStream(
        text,
        batch_size=training.batch_size,
        unroll_steps=training.unroll_steps,
        bidirectional=trace.config.model.bidirectional,
        shuffle=False,
        keep_blank_lines=True,
        seed=0,
    )
    optimizer = Adagrad(
        dict(model.named_parameters()), learning_rate=training.learning_rate, initial_accumulator=1.0
    )
    replay = Replay(trace, model, optimizer)
    state = model.zero_state(training.batch_size)
    num_steps = len(trace.record["per_batch"])
    for step, batch in enumerate(islice(stream, num_steps), start=1):
        optimizer.zero_grad()
        output = model(batch, state, _candidates(trace, step), dropout=_dropout(trace, step))
        state = output.state
        losses = [part.total_loss / batch.is_counted.size for part in output.directions]
        (torch.stack(losses).mean() * training.unroll_steps).backward()
        if step == 1:
            replay.first_gradients = {
                name: parameter.grad.to_dense().clone()
                for name, parameter in model.named_parameters()
                if parameter.grad is not None
            }
            replay.first_activations = _activations(batch, output.activations())
        replay.norms.append(float(clip_gradients(model.parameters(), training.clip_norm)))
        optimizer.step()
        if step <= 5:
            replay.batches.append(batch)
        replay.losses.append([loss.item() for loss in losses])
        replay.states.append([part.numpy().copy() for layers in state for layer in layers for part in layer])
    return replay


def _activations(batch: TextBatch, activations: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The recorded ones, (B, T, P): token vectors and top layers of both directions."""
    num_steps, num_lanes = batch.is_counted.shape
    top = max(name.rpartition("_")[2] for name in activations if name.startswith("direction0_layer"))
    named = {}
    for direction, (tokens_name, top_name) in enumerate(
        [("embedding", "top_lstm_fwd"), ("embedding_reverse", "top_lstm_bwd")][: len(batch.inputs)]
    ):
        vectors = activations["token_vectors"].detach().numpy()
        named[tokens_name] = vectors[batch.inputs[direction].reshape(num_steps, num_lanes)].swapaxes(0, 1)
        outputs = activations[f"direction{direction}_{top}"].detach().numpy()
        named[top_name] = outputs.reshape(num_steps, num_lanes, -1).swapaxes(0, 1)
    return named


def _dropout(trace: Trace, step: int) -> dict[str, Tensor] | None:
    """The dropout masks that the original drew, packed."""
    rate = trace.config.training.dropout
    if not rate:
        return None
    prefix = f"step{step}/"
    return {
        name.removeprefix(prefix).replace("fwd", "forward").replace("bwd", "backward"): torch.from_numpy(mask)
        .transpose(0, 1)
        .flatten(0, 1)
        .div(1.0 - rate)
        for name, mask in trace.arrays("dropout_masks").items()
        if name.startswith(prefix)
    }


def _candidates(trace: Trace, step: int) -> list[Candidates] | None:
    """The candidates that the original drew."""
    if not trace.config.training.num_negatives:
        return None
    sampled, num_words = trace.arrays("sampled"), len(trace.vocabulary)
    drawn = []
    for direction in range(trace.config.model.num_directions):
        ids = sampled[f"step{step}/dir{direction}/sampled_ids"]
        expected = sampled[f"step{step}/dir{direction}/sampled_expected"].astype(np.float64)
        # Not recorded, but implied by every expected count that is not all but 1: how many draws it took.
        probability = np.log((ids + 2.0) / (ids + 1.0)) / math.log(num_words + 1.0)
        is_clear = expected < 0.9
        num_tries = np.log1p(-expected[is_clear]) / np.log1p(-probability[is_clear])
        drawn.append(Candidates(ids, round(float(np.median(num_tries))), num_words))
    return drawn


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Corpus]:
    """Prepare one text file."""
    cache_dir = tmp_path_factory.mktemp("corpora")
    return lambda path: prepare_corpus([str(path)], cache_dir=cache_dir)


@pytest.fixture(scope="session")
def trace_of(prepare: Callable[[Path], Corpus]) -> Callable[[str], Trace]:
    """A recorded trace by its name."""

    @functools.cache
    def load(name: str) -> Trace:
        directory = GOLDEN / (name if name == "incremental" else f"train_trace_{name}")
        return Trace(directory, prepare(directory / "train.txt"))

    return load


@pytest.fixture(scope="session", params=["PyTorch", "compiled"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """What computes the model: PyTorch's operations or the compiled kernels."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "PyTorch":
            patch.setattr(library, "_load", lambda precision: None)
        elif not library.is_available():
            pytest.skip("the kernels were not compiled")
        yield request.param


@pytest.fixture(scope="session")
def replay_of(kernels: str, trace_of: Callable[[str], Trace]) -> Callable[[str], Replay]:
    """Our replay of a trace, run once."""
    return functools.cache(lambda name: replay_trace(trace_of(name)))


@pytest.fixture(scope="session")
def load_into() -> Callable[[BiLM, Mapping[str, Tensor]], None]:
    return load_parameters

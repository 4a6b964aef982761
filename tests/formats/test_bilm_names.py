"""The names of bilm-tf's parameters that no recorded model has; recorded ones are read in other tests."""

from __future__ import annotations

from elmokit.config import Config
from elmokit.formats.bilm_names import variable_names


def test_names_of_deeper_forward_models():
    config = Config.load("tiny", ["bidirectional=false", "num_layers=2"]).model
    names = variable_names(config)
    assert names["stacks.0.1.bias"] == "lm/rnn/multi_rnn_cell/cell_1/lstm_cell/bias"
    assert not any(name.startswith("stacks.1") for name in names)
    one_layer = Config.load("tiny", ["num_layers=1"]).model
    assert variable_names(one_layer)["stacks.1.0.kernel"] == "lm/RNN_1/rnn/lstm_cell/kernel"
    no_projection = Config.load("tiny", ["cell_dim=8", "projection_dim=8"]).model
    assert not any("projection/kernel" in name for name in variable_names(no_projection).values())

"""How bilm-tf names and shapes the parameters of a biLM in its HDF5 files and TensorFlow checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from elmokit.config import ModelConfig
from elmokit.formats.stored import Layout

SOFTMAX_NAMES: Mapping[str, str] = {"softmax.weight": "softmax/W", "softmax.bias": "softmax/b"}
"""The datasets of the softmax, as AllenNLP published it: our name → its name."""

_KERNELS = "encoder.kernels."  # bilm-tf convolves over images of height 1


def dataset_names(config: ModelConfig) -> dict[str, str]:
    """Return the HDF5 dataset of each parameter except the softmax: our name → its name.

    The LSTM of a unidirectional model is named as in bilm-tf's training graph, without the number of the
    direction and without the ``W_0`` and ``B`` of bidirectional dumps.
    """
    names = _encoder_names(config)
    has_projection = config.lstm.cell_dim != config.lstm.projection_dim
    for direction in range(config.num_directions):
        for k in range(config.lstm.num_layers):
            if config.bidirectional:
                cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{k}/LSTMCell"
                kernel, bias, projection = "W_0", "B", "W_P_0"
            else:
                cell = "rnn/LSTMCell" if config.lstm.num_layers == 1 else f"rnn/MultiRNNCell/Cell{k}/LSTMCell"
                kernel, bias, projection = "kernel", "bias", "projection/kernel"
            layer = f"stacks.{direction}.{k}"
            names[f"{layer}.kernel"] = f"{cell}/{kernel}"
            names[f"{layer}.bias"] = f"{cell}/{bias}"
            if has_projection:
                names[f"{layer}.projection"] = f"{cell}/{projection}"
    return names


def variable_names(config: ModelConfig) -> dict[str, str]:
    """Return the TensorFlow variable of each parameter: our name → its name.

    Tied softmax weights are not listed: they are the word embeddings. The names of the LSTMs differ from
    those of the HDF5 datasets, and a single layer has no number.
    """
    names = _encoder_names(config)
    for direction in range(config.num_directions):
        scope = f"RNN_{direction}/rnn" if config.bidirectional else "rnn"
        for k in range(config.lstm.num_layers):
            number = f"multi_rnn_cell/cell_{k}/" if config.lstm.num_layers > 1 else ""
            cell = f"{scope}/{number}lstm_cell"
            names[f"stacks.{direction}.{k}.kernel"] = f"{cell}/kernel"
            names[f"stacks.{direction}.{k}.bias"] = f"{cell}/bias"
            if config.lstm.cell_dim != config.lstm.projection_dim:
                names[f"stacks.{direction}.{k}.projection"] = f"{cell}/projection/kernel"
    names |= SOFTMAX_NAMES
    if config.tie_softmax:
        del names["softmax.weight"]
    return {ours: f"lm/{theirs}" for ours, theirs in names.items()}


def bilm_layout(names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """Return the layout of parameters that bilm-tf stores.

    Args:
        names: our name → name in the file.
        shapes: the shape of each parameter, by our names.
    """

    def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {ours: tensors[theirs].reshape(shapes[ours]) for ours, theirs in names.items()}

    return Layout({theirs: stored_shape(ours, shapes[ours]) for ours, theirs in names.items()}, convert)


def stored_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which bilm-tf stores the parameter that is called ``name`` here."""
    return (1, *shape) if name.startswith(_KERNELS) else shape


def _encoder_names(config: ModelConfig) -> dict[str, str]:
    if config.char_cnn is None:
        return {"encoder.weight": "embedding"}
    names = {"encoder.embedding": "char_embed"}
    for k in range(len(config.char_cnn.filters)):
        names[f"{_KERNELS}{k}"] = f"CNN/W_cnn_{k}"
        names[f"encoder.biases.{k}"] = f"CNN/b_cnn_{k}"
    for k in range(config.char_cnn.num_highway):
        for part in ("carry", "transform"):
            names[f"encoder.highways.{k}.{part}"] = f"CNN_high_{k}/W_{part}"
            names[f"encoder.highways.{k}.{part}_bias"] = f"CNN_high_{k}/b_{part}"
    if config.char_cnn.num_filters != config.lstm.projection_dim:
        names["encoder.projection"] = "CNN_proj/W_proj"
        names["encoder.projection_bias"] = "CNN_proj/b_proj"
    return names

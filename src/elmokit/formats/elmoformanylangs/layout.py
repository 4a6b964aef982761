"""The tensors of ELMoForManyLangs models, and how they become the parameters of a biLM."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from elmokit.config import Config, ModelConfig
from elmokit.formats.stored import Layout
from elmokit.model.lstm.interface import FORGET_BIAS

EMBEDDER_FILE, ENCODER_FILE = "token_embedder.pkl", "encoder.pkl"


def layout_of(config: Config) -> Layout:
    """Return the layout of a model; the names of its tensors begin with the name of their file."""
    model = config.model
    shapes = {f"{EMBEDDER_FILE}: {name}": shape for name, shape in _embedder_shapes(model).items()}
    shapes |= {f"{ENCODER_FILE}: {name}": shape for name, shape in _encoder_shapes(model).items()}

    def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # In float32: the forget bias is subtracted.
        by_name = {name.partition(": ")[2]: tensor.float() for name, tensor in tensors.items()}
        return _embedder_parameters(by_name, model) | _encoder_parameters(by_name, model)

    return Layout(shapes, convert)


def _embedder_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    lexicon, char_cnn = config.lexicon, config.char_cnn
    assert lexicon is not None
    shapes: dict[str, tuple[int, ...]] = {}
    width = lexicon.word_dim
    if lexicon.num_words is not None:
        shapes["word_emb_layer.embedding.weight"] = (lexicon.num_words, lexicon.word_dim)
    if char_cnn is not None and lexicon.num_symbols is not None:
        num_filters = char_cnn.num_filters
        width += num_filters
        shapes["char_emb_layer.embedding.weight"] = (lexicon.num_symbols, char_cnn.embedding_dim)
        for k, (filter_width, number) in enumerate(char_cnn.filters):
            shapes[f"convolutions.{k}.weight"] = (number, char_cnn.embedding_dim, filter_width)
            shapes[f"convolutions.{k}.bias"] = (number,)
        for k in range(char_cnn.num_highway):
            shapes[f"highways._layers.{k}.weight"] = (2 * num_filters, num_filters)
            shapes[f"highways._layers.{k}.bias"] = (2 * num_filters,)
    shapes["projection.weight"] = (config.lstm.projection_dim, width)
    shapes["projection.bias"] = (config.lstm.projection_dim,)
    return shapes


def _embedder_parameters(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    parameters = {
        "encoder.projection": tensors["projection.weight"].t(),
        "encoder.projection_bias": tensors["projection.bias"],
    }
    if "word_emb_layer.embedding.weight" in tensors:
        parameters["encoder.words"] = tensors["word_emb_layer.embedding.weight"]
    char_cnn = config.char_cnn
    if char_cnn is None:
        return parameters
    parameters["encoder.chars.embedding"] = tensors["char_emb_layer.embedding.weight"]
    for k in range(len(char_cnn.filters)):
        parameters[f"encoder.chars.kernels.{k}"] = tensors[f"convolutions.{k}.weight"].permute(2, 1, 0)
        parameters[f"encoder.chars.biases.{k}"] = tensors[f"convolutions.{k}.bias"]
    for k in range(char_cnn.num_highway):
        transform, gate = tensors[f"highways._layers.{k}.weight"].chunk(2)
        transform_bias, gate_bias = tensors[f"highways._layers.{k}.bias"].chunk(2)
        layer = f"encoder.chars.highways.{k}"
        # Their gate multiplies the input, ours the transform: 1 - sigmoid(z) = sigmoid(-z).
        parameters[f"{layer}.carry"], parameters[f"{layer}.carry_bias"] = -gate.t(), -gate_bias
        parameters[f"{layer}.transform"], parameters[f"{layer}.transform_bias"] = (
            transform.t(),
            transform_bias,
        )
    return parameters


def _encoder_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    lstm = config.lstm
    shapes: dict[str, tuple[int, ...]] = {}
    for cell in _cells(config).values():
        shapes[f"{cell}.input_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.bias"] = (4 * lstm.cell_dim,)
        shapes[f"{cell}.state_projection.weight"] = (lstm.projection_dim, lstm.cell_dim)
    return shapes


def _encoder_parameters(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    parameters: dict[str, Tensor] = {}
    for layer, cell in _cells(config).items():
        both = torch.cat(
            [tensors[f"{cell}.input_linearity.weight"], tensors[f"{cell}.state_linearity.weight"]], dim=1
        )
        bias = _gates_in_order(tensors[f"{cell}.state_linearity.bias"])
        # Their stored bias includes the forget bias; here it is added when the layer runs.
        bias[2 * config.lstm.cell_dim : 3 * config.lstm.cell_dim] -= FORGET_BIAS
        parameters[f"{layer}.kernel"] = _gates_in_order(both).t()
        parameters[f"{layer}.bias"] = bias
        parameters[f"{layer}.projection"] = tensors[f"{cell}.state_projection.weight"].t()
    return parameters


def _cells(config: ModelConfig) -> dict[str, str]:
    """Return the name of each LSTM layer here → its name in the file."""
    return {
        f"stacks.{direction}.{k}": f"{name}_layer_{k}"
        for direction, name in enumerate(("forward", "backward"))
        for k in range(config.lstm.num_layers)
    }


def _gates_in_order(values: Tensor) -> Tensor:
    """Reorder the gates of (4H, …): theirs are input, forget, memory, output."""
    inputs, forget, memory, output = values.chunk(4)
    return torch.cat([inputs, memory, forget, output])

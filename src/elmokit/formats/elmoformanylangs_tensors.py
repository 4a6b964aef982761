"""The tensors of ELMoForManyLangs models: read with care, checked and brought into the layout of a biLM."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from elmokit.config import Config
from elmokit.model.lstm.interface import FORGET_BIAS
from elmokit.model.values import fault_of_values

EMBEDDER_FILE, ENCODER_FILE = "token_embedder.pkl", "encoder.pkl"

_STORED_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_parameters(directory: Path, config: Config) -> tuple[dict[str, Tensor], list[str]]:
    """Read both files of a model.

    Args:
        directory: of the model.
        config: its geometry.

    Returns:
        Every parameter of :class:`~elmokit.model.bilm.BiLM` by its name, float32, and what is wrong with
        the files; there are no parameters where there are faults.
    """
    faults: list[str] = []
    embedder = _read_tensors(directory / EMBEDDER_FILE, _embedder_shapes(config), faults)
    encoder = _read_tensors(directory / ENCODER_FILE, _encoder_shapes(config), faults)
    if faults:
        return {}, faults
    return _embedder_parameters(embedder, config) | _encoder_parameters(encoder, config), []


def _read_tensors(path: Path, shapes: Mapping[str, tuple[int, ...]], faults: list[str]) -> dict[str, Tensor]:
    """The tensors of a file, float32; ``faults`` grow by its own."""
    try:
        _check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # about how old or damaged the file looks
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a dozen kinds, depending on where the damage is
        reason = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
        if isinstance(error, pickle.UnpicklingError):  # which advises to run what is in the file
            reason = "more or other than tensors in it"
        faults.append(f"{path.name}: damaged or not a file of tensors ({reason})")
        return {}
    if not isinstance(stored, dict):
        faults.append(f"{path.name}: expected tensors by name, got {type(stored).__name__}")
        return {}
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        tensor = stored.get(name)
        if name not in stored:
            faults.append(f"{path.name}: {name}: missing")
        elif not isinstance(tensor, Tensor) or not _holds_numbers(tensor):
            faults.append(f"{path.name}: {name}: expected floating-point numbers of 16 bits or more")
        elif tuple(tensor.shape) != shape:
            faults.append(f"{path.name}: {name}: shape {tuple(tensor.shape)}, expected {shape}")
        else:
            tensors[name] = tensor.float()
            if fault := fault_of_values(tensors[name]):
                faults.append(f"{path.name}: {name}: {fault}")
    unexpected = sorted(map(str, stored.keys() - shapes.keys()))
    faults += [f"{path.name}: {name}: unexpected" for name in unexpected]
    return tensors


def _check_archive(path: Path) -> None:
    """Look at the checksums of a file that is a ZIP archive, as those of PyTorch are since 1.6.

    PyTorch does not, and of a damaged archive it may give back memory as it happens to be.

    Raises:
        ValueError: when a member is damaged; and whatever the standard library raises.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
                raise ValueError(f"{member.filename} is compressed")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")


def _holds_numbers(tensor: Tensor) -> bool:
    """Whether as many numbers are there as the shape tells; files may hold tensors of other kinds."""
    return (
        not tensor.is_nested
        and tensor.dtype in _STORED_TYPES
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )


def _embedder_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    lexicon, char_cnn = config.model.lexicon, config.model.char_cnn
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
    shapes["projection.weight"] = (config.model.lstm.projection_dim, width)
    shapes["projection.bias"] = (config.model.lstm.projection_dim,)
    return shapes


def _embedder_parameters(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    parameters = {
        "encoder.projection": tensors["projection.weight"].t(),
        "encoder.projection_bias": tensors["projection.bias"],
    }
    if "word_emb_layer.embedding.weight" in tensors:
        parameters["encoder.words"] = tensors["word_emb_layer.embedding.weight"]
    char_cnn = config.model.char_cnn
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
        # Their gate lets the input through, ours the transform: 1 - sigmoid(z) = sigmoid(-z).
        parameters[f"{layer}.carry"], parameters[f"{layer}.carry_bias"] = -gate.t(), -gate_bias
        parameters[f"{layer}.transform"], parameters[f"{layer}.transform_bias"] = (
            transform.t(),
            transform_bias,
        )
    return parameters


def _encoder_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    lstm = config.model.lstm
    shapes: dict[str, tuple[int, ...]] = {}
    for cell in _cells(config).values():
        shapes[f"{cell}.input_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.weight"] = (4 * lstm.cell_dim, lstm.projection_dim)
        shapes[f"{cell}.state_linearity.bias"] = (4 * lstm.cell_dim,)
        shapes[f"{cell}.state_projection.weight"] = (lstm.projection_dim, lstm.cell_dim)
    return shapes


def _encoder_parameters(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    parameters: dict[str, Tensor] = {}
    for layer, cell in _cells(config).items():
        both = torch.cat(
            [tensors[f"{cell}.input_linearity.weight"], tensors[f"{cell}.state_linearity.weight"]], dim=1
        )
        bias = _gates_in_order(tensors[f"{cell}.state_linearity.bias"])
        # Their forget bias is stored, ours is added when the layer runs.
        bias[2 * config.model.lstm.cell_dim : 3 * config.model.lstm.cell_dim] -= FORGET_BIAS
        parameters[f"{layer}.kernel"] = _gates_in_order(both).t()
        parameters[f"{layer}.bias"] = bias
        parameters[f"{layer}.projection"] = tensors[f"{cell}.state_projection.weight"].t()
    return parameters


def _cells(config: Config) -> dict[str, str]:
    """Our name of each LSTM layer → its name in the file."""
    return {
        f"stacks.{direction}.{k}": f"{name}_layer_{k}"
        for direction, name in enumerate(("forward", "backward"))
        for k in range(config.model.lstm.num_layers)
    }


def _gates_in_order(values: Tensor) -> Tensor:
    """(4H, …) from their order, input, forget, memory, output, to ours."""
    inputs, forget, memory, output = values.chunk(4)
    return torch.cat([inputs, memory, forget, output])

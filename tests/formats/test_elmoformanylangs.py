"""ELMoForManyLangs models give the vectors that the package gives; damaged ones say what is wrong."""

from __future__ import annotations

import dataclasses
import json
import pickle
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit import ElmoEmbedder, load
from elmokit.data.lexicon import Lexicon
from elmokit.elmo import Elmo
from elmokit.errors import ConfigError, ElmokitError, ModelFileError
from elmokit.formats.bilm_pair import write_bilm_pair
from elmokit.formats.elmoformanylangs import _SHIPPED_SETTINGS
from elmokit.training.trainer import Trainer

VARIANTS = ("characters", "equal_widths", "no_clips", "no_highway", "words", "words_and_characters")
LAYERS = {-2: "all", -1: "average", 0: 0, 1: 1, 2: 2}


@pytest.fixture
def model(golden, tmp_path) -> Path:
    """A copy of the richest variant, to be damaged."""
    return Path(shutil.copytree(golden / "elmoformanylangs/words_and_characters", tmp_path / "model"))


def fault(directory: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        load(directory)
    assert "\n" not in str(error.value)
    return str(error.value)


def fault_or_none(directory: Path) -> str | None:
    try:
        load(directory)
    except ModelFileError as error:
        return str(error)
    return None


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_vectors_of_the_package(golden, variant):
    directory = golden / "elmoformanylangs" / variant
    sentences = json.loads((directory / "sentences.json").read_text(encoding="utf-8"))
    embedder = ElmoEmbedder.load(directory)
    with np.load(directory / "out.npz") as recorded:
        for number, layers in LAYERS.items():
            vectors = embedder.embed(sentences, layers)
            expected = recorded[f"output_layer_{number}"]
            assert [own.shape[-2] for own in vectors] == [len(sentence) for sentence in sentences]
            np.testing.assert_allclose(np.concatenate(vectors, axis=-2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_directory_and_a_zip_keep_every_bit(golden, tmp_path, variant):
    directory = golden / "elmoformanylangs" / variant
    sentences = json.loads((directory / "sentences.json").read_text(encoding="utf-8"))
    pretrained = load(directory)
    pretrained.save_pretrained(tmp_path / "own")
    with zipfile.ZipFile(tmp_path / "161.zip", "w") as archive:
        for path in directory.rglob("*"):
            archive.write(path, path.relative_to(directory))
    expected = ElmoEmbedder(pretrained).embed(sentences)
    for place in ("own", "161.zip"):
        again = load(tmp_path / place)
        assert again.lexicon == pretrained.lexicon
        for one, other in zip(expected, ElmoEmbedder(again).embed(sentences), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_layer_takes_tokens(golden):
    directory = golden / "elmoformanylangs/words_and_characters"
    elmo = Elmo.from_pretrained(directory, scalar_mix_parameters=[-9e9, -9e9, 0.0], dropout=0.0)
    sentences = [["je", "suis", "là"], ["un"]]
    output = elmo(sentences)
    expected = ElmoEmbedder.load(directory).embed(sentences, "top")
    for row, vectors in enumerate(expected):
        actual = output["elmo_representations"][0][row, : len(vectors)].detach().numpy()
        np.testing.assert_allclose(actual, vectors, atol=1e-6)
    with pytest.raises(ElmokitError, match="give lists of tokens"):
        elmo(torch.ones(1, 2, 50, dtype=torch.int64))


def test_gradients_reach_every_part(golden):
    elmo = Elmo.from_pretrained(golden / "elmoformanylangs/words_and_characters", requires_grad=True)
    elmo([["je", "suis"], ["un"]])["elmo_representations"][0].sum().backward()
    assert all(parameter.grad is not None for parameter in elmo.bilm.parameters())


def test_it_cannot_become_a_bilm_pair(golden, tmp_path):
    pretrained = load(golden / "elmoformanylangs/words")
    with pytest.raises(ConfigError, match="no place for a model with an alphabet or words of its own"):
        write_bilm_pair(pretrained, tmp_path / "weights.hdf5")
    assert list(tmp_path.iterdir()) == []


def test_it_cannot_be_trained(golden, tmp_path):
    config = load(golden / "elmoformanylangs/words").config
    with pytest.raises(ConfigError, match=r"^model\.lexicon: .* are read, not trained: set lexicon=null$"):
        Trainer(config, None, None, save_dir=tmp_path)


@pytest.mark.parametrize(
    ("lexicon", "message"),
    [
        (Lexicon(None, {"<oov>": 0, "<pad>": 1}, 12), "characters: None, expected 42; words: 2, expected 18"),
        (None, "max_characters: 11, expected 12"),
    ],
)
def test_a_lexicon_of_another_model(golden, tmp_path, lexicon, message):
    pretrained = load(golden / "elmoformanylangs/words_and_characters")
    pretrained.save_pretrained(tmp_path / "own")
    path = tmp_path / "own/lexicon.json"
    (lexicon or dataclasses.replace(pretrained.lexicon, max_characters=11)).save(path)
    assert fault(tmp_path / "own") == f"{path}: does not fit config.json: {message}"
    path.unlink()
    assert fault(tmp_path / "own") == f"{path}: cannot read: No such file or directory"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_are_read_as_the_package_reads_them(model, end):
    """Lines are stripped, of what may be the entry itself; spaces inside stay; an equal line is no harm."""
    entries = list(load(model).lexicon.words)
    entries[entries.index("cat")] = "black cat "
    lines = [f" {entry}\t{k} " for k, entry in enumerate(entries)]
    lines[entries.index("\u3000")] = "\u00a0\t" + str(entries.index("\u3000"))
    (model / "word.dic").write_bytes(end.join([*lines, lines[3]]).encode())
    words = load(model).lexicon.words
    assert words == {entry: k for k, entry in enumerate(entries)}
    assert {"\u3000", "black cat "} <= words.keys()


FILES = ("char.dic", "word.dic", "token_embedder.pkl", "encoder.pkl")


@pytest.mark.parametrize("names", [*[(name,) for name in FILES], FILES[:3]], ids="-".join)
def test_missing_files(model, names):
    for name in names:
        (model / name).unlink()
    assert fault(model) == f"{model}: {', '.join(names)}: missing, expected beside config.json"


def test_a_directory_without_any_tensors_is_another_model(model):
    for name in FILES[2:]:
        (model / name).unlink()
    assert "no model in this directory" in fault(model)


def test_a_missing_configuration(model):
    (model / "config.json").unlink()
    assert fault(model) == f"{model / 'config.json'}: cannot read: No such file or directory"


@pytest.mark.parametrize("named", ["other.json", "/none/other.json", "..", "a" * 5000, "a\0b", "\ud800"])
def test_a_configuration_that_is_not_there(model, named):
    (model / "config.json").write_text(json.dumps({"config_path": named}))
    assert fault(model) == (
        f"{model / 'config.json'}: config_path: names {named[-200:]!r}, but there is no such file: "
        "put it beside config.json"
    )


def test_a_configuration_in_a_directory_of_somebody_else(model, monkeypatch):
    inaccessible = "/home/trainer/cnn_small.json"
    is_file = Path.is_file

    def refuse(path):
        if str(path) == inaccessible:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    (model / "config.json").write_text(json.dumps({"config_path": inaccessible}))
    assert load(model).lexicon is not None


def test_the_settings_that_the_package_ships(model):
    (model / "config.json").write_text('{"config_path": "../configs/cnn_50_100_512_4096_sample.json"}')
    message = fault(model)
    assert "convolutions.6.weight: missing" in message
    assert "projection.weight: shape (8, 22), expected (512, 2148)" in message
    (model / "config.json").write_text(json.dumps(_SHIPPED_SETTINGS))  # in its place
    assert fault(model) == message


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("token_embedder", "name", "lstm", "token_embedder.name: got 'lstm', expected 'cnn'"),
        ("encoder", "name", "lstm", "encoder.name: got 'lstm', expected 'elmo'"),
        ("token_embedder", "word_dim", -1, "token_embedder.word_dim: expected a number, got -1"),
        ("token_embedder", "char_dim", "8", "token_embedder.char_dim: expected a number, got '8'"),
        ("token_embedder", "max_characters_per_token", 5, "expected 7 to 10000, got 5"),
        ("token_embedder", "filters", [[9, 9]], "convolutions.0.weight: shape (4, 8, 1), expected (9, 8, 9)"),
        ("encoder", "dim", 17, "forward_layer_0.input_linearity.weight: shape (64, 8), expected (68, 8)"),
        ("encoder", "n_layers", 1, "backward_layer_1.input_linearity.weight: unexpected"),
        ("encoder", "n_layers", 3, "forward_layer_2.state_projection.weight: missing"),
        ("token_embedder", "char_dim", 0, "char_emb_layer.embedding.weight: unexpected"),
    ],
)
def test_settings_that_do_not_fit(model, section, key, value, message):
    settings = json.loads((model / "cnn_small.json").read_text())
    settings[section][key] = value
    (model / "cnn_small.json").write_text(json.dumps(settings))
    assert message in fault(model)


def test_impossible_settings_by_their_own_names(model):
    settings = json.loads((model / "cnn_small.json").read_text())
    settings["token_embedder"] |= {"word_dim": 10**7, "activation": "gelu", "n_highway": -1}
    settings["encoder"] |= {"n_layers": 0, "proj_clip": -1, "dim": "x"}
    (model / "cnn_small.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError) as error:
        load(model)
    message = str(error.value)
    assert message.startswith(
        f"{model / 'cnn_small.json'}: 6 errors: token_embedder.activation: input should be"
    )
    for name in ("token_embedder.n_highway", "encoder.dim", "encoder.n_layers", "encoder.proj_clip"):
        assert f"; {name}: " in message
    assert "token_embedder.word_dim: input should be less than or equal to 1048576, got 10000000" in message
    assert "model." not in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b'{"config_path": 3}', b"[" * 100_000])
def test_a_configuration_that_is_none(model, content):
    (model / "config.json").write_bytes(content)
    assert "config.json" in fault(model)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"<oov>", b"<oof>", "model: char.dic: <oov> missing"),
        (b"\t3\n", b"\t3000\n", "has the id 3000, expected 0 to"),
        (b"\t3\n", b"\tthree\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t3\t3\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t3\n\n", "expected an entry, a tab and its id, got ''"),
        (b"\t3\n", b"\t\xff3\n", "char.dic: not valid UTF-8 at byte"),
        (b"\t3\n", b"\t-3\n", "expected an entry, a tab and its id, got"),
        (b"\t3\n", b"\t" + b"9" * 5000 + b"\n", "has the id 9999999999999999999"),
        (b"\t3\n", b"\t4\n", "char.dic: '\\u3000' has the id 4 of \"'\""),
        (b"\t3\n", b"\t3\nw\t7\n", "char.dic: line 5: 'w' had the id 0 before, now 7"),
    ],
)
def test_a_damaged_list(model, old, new, message):
    content = (model / "char.dic").read_bytes()
    assert old in content
    (model / "char.dic").write_bytes(content.replace(old, new, 1))
    assert message in fault(model)


def test_all_faults_of_tensors_at_once(model):
    tensors = torch.load(model / "encoder.pkl", weights_only=True)
    tensors["forward_layer_0.state_linearity.bias"][3] = torch.nan
    tensors["stranger"] = tensors.pop("backward_layer_1.state_projection.weight")
    tensors["forward_layer_1.input_linearity.weight"] = torch.zeros(2, 2)
    torch.save(tensors, model / "encoder.pkl")
    embedder = torch.load(model / "token_embedder.pkl", weights_only=True)
    embedder["projection.bias"] = 3
    torch.save(embedder, model / "token_embedder.pkl")
    assert fault(model) == (
        f"{model}: does not fit cnn_small.json and the lists: "
        "token_embedder.pkl: projection.bias: expected floating-point numbers of 16 bits or more; "
        "encoder.pkl: forward_layer_0.state_linearity.bias: holds NaN or infinite values; "
        "encoder.pkl: forward_layer_1.input_linearity.weight: shape (2, 2), expected (64, 8); "
        "encoder.pkl: backward_layer_1.state_projection.weight: missing; encoder.pkl: stranger: unexpected"
    )


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(8, dtype=torch.int64),
        torch.zeros(8, dtype=torch.complex64),
        torch.zeros(8).to_sparse(),
        torch.zeros(8, device="meta"),
        torch.zeros(1).expand(8),
    ],
    ids=["integer", "complex", "sparse", "empty", "repeated"],
)
def test_tensors_of_another_kind(model, tensor):
    tensors = torch.load(model / "token_embedder.pkl", weights_only=True)
    torch.save(tensors | {"projection.bias": tensor}, model / "token_embedder.pkl")
    assert fault(model).endswith(
        "token_embedder.pkl: projection.bias: expected floating-point numbers of 16 bits or more"
    )


def test_half_precision_is_read(model):
    expected = ElmoEmbedder.load(model).embed([["The", "cat"]])[0]
    for name in FILES[2:]:
        tensors = torch.load(model / name, weights_only=True)
        torch.save({key: value.half() for key, value in tensors.items()}, model / name)
    actual = ElmoEmbedder.load(model).embed([["The", "cat"]])[0]
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=5e-3)


def test_all_faults_of_the_lists_at_once(model):
    (model / "char.dic").write_text("a\n" * 7)
    (model / "word.dic").write_text("the\t0\ncat\t1\n")
    line = "expected an entry, a tab and its id, got 'a'"
    assert fault(model) == (
        f"{model}: "
        + "".join(f"char.dic: line {number}: {line}; " for number in range(1, 6))
        + "char.dic: and 2 more lines like these; word.dic: <oov> missing; word.dic: <pad> missing"
    )


class _Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_nothing_is_unpickled(model, monkeypatch):
    monkeypatch.chdir(model)
    (model / "encoder.pkl").write_bytes(pickle.dumps(_Harmful()))
    reason = "encoder.pkl: damaged or not a file of tensors (more or other than tensors in it)"
    assert fault(model).endswith(reason)
    torch.save({"forward_layer_0": _Harmful()}, model / "encoder.pkl")
    assert fault(model).endswith(reason)
    torch.save([torch.zeros(2)], model / "encoder.pkl")
    assert fault(model).endswith("encoder.pkl: expected tensors by name, got list")
    assert not (model / "executed").exists()


@pytest.mark.parametrize("name", ["encoder.pkl", "token_embedder.pkl"])
def test_damage_is_named(model, name):
    content = (model / name).read_bytes()
    generator = random.Random(0)
    for _ in range(60):
        (model / name).write_bytes(content[: generator.randrange(len(content))])
        assert f"{name}: " in fault(model)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(generator.choice([1, 1, 8])):
            damaged[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        (model / name).write_bytes(damaged)
        if (message := fault_or_none(model)) is not None:
            assert f"{name}: " in message

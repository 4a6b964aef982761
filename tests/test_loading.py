"""`load` detects every format, from every source."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from elmokit import loading
from elmokit.config import Config
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, ElmokitError, FetchError, MissingModelError, ModelFileError
from elmokit.formats.checkpoint import Checkpoint, checkpoint_directory, write_checkpoint
from elmokit.formats.stored import Layout, ReadRequest, StoredModel
from elmokit.loading import load
from elmokit.model.bilm import BiLM
from elmokit.model.parameter_shapes import parameter_shapes
from elmokit.pretrained import PretrainedModel
from elmokit.repository import locate

EXPECTED = (
    "expected a training run's save directory, a model directory (config.json, model.safetensors), an "
    "ELMoForManyLangs model, a TensorFlow checkpoint of bilm-tf with options.json, options.json with HDF5 "
    "weights, a ZIP archive of one of these, a URL, the name of a published model or a Hugging Face id"
)
GOLDEN = Path(__file__).parent / "golden"
VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", "cat", "dog"])
SMALL = ["embedding_dim=4", "filters=[[1, 4], [2, 4]]", "cell_dim=8", "projection_dim=4"]


def pretrained() -> PretrainedModel:
    config = Config.load("tiny", SMALL)
    model = BiLM(config.model, len(VOCABULARY)).requires_grad_(False)
    for k, parameter in enumerate(model.parameters()):
        parameter.fill_(0.01 * (k + 1))
    return PretrainedModel(model, config, VOCABULARY, Path("somewhere"))


def write_run(directory: Path) -> None:
    model = pretrained()
    directory.mkdir()
    model.config.save(directory / "config.json")
    VOCABULARY.save(directory / "vocab.txt")
    fingerprints = {"vocabulary": VOCABULARY.fingerprint, "training text": "0"}
    trainer = {
        "step": 7,
        "best_step": 0,
        "best_perplexity": None,
        "seconds": 1.0,
        "fingerprints": fingerprints,
    }
    groups = {"model": dict(model.model.named_parameters()), "optimizer": {}, "state": {}}
    write_checkpoint(checkpoint_directory(directory, 7), Checkpoint(groups, trainer))


def write_pair(directory: Path) -> None:
    pretrained().save_bilm(directory, with_softmax=True)


def write_tensorflow(directory: Path) -> None:
    shutil.copytree(GOLDEN / "train_trace_char/ckpt", directory)
    shutil.copy(GOLDEN / "train_trace_char/vocab.txt", directory)


def write_many_langs(directory: Path) -> None:
    shutil.copytree(GOLDEN / "elmoformanylangs/characters", directory)


FORMS: dict[str, Callable[[Path], None]] = {
    "run": write_run,
    "model directory": lambda directory: pretrained().save_pretrained(directory),
    "pair": write_pair,
    "tensorflow": write_tensorflow,
    "many langs": write_many_langs,
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch) -> None:
    """What would be fetched is named instead."""

    def refuse(what: object, **_: object) -> Path:
        raise FetchError(f"{what}: asked for")

    monkeypatch.setattr(locate, "fetch_snapshot", refuse)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))


def digest(model: PretrainedModel) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.model.named_parameters()}


def zipped(directory: Path, path: Path, folder: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                archive.write(file, f"{folder}{file.relative_to(directory)}")
    return path


def load_error(kind: type[ElmokitError], *arguments: object, **settings: object) -> str:
    with pytest.raises(kind) as error:
        load(*arguments, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_directory(form, tmp_path):
    FORMS[form](tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.source.is_relative_to(tmp_path / "model")
    assert digest(load(str(tmp_path / "model"))) == digest(loaded)
    if form in ("run", "model directory", "pair"):
        assert digest(loaded) == digest(pretrained())
        assert loaded.require_softmax() == VOCABULARY


@pytest.mark.parametrize("folder", ["", "model/"])
def test_an_archive(form, folder, tmp_path):
    FORMS[form](tmp_path / "model")
    expected = load(tmp_path / "model")
    archive = zipped(tmp_path / "model", tmp_path / "217.zip", folder)
    shutil.rmtree(tmp_path / "model")
    loaded = load(archive)
    assert loaded.source == archive
    assert digest(loaded) == digest(expected)
    assert loaded.vocabulary == expected.vocabulary
    assert loaded.config == expected.config


@pytest.mark.parametrize("folder", ["", "model/"])
def test_errors_in_an_archive(folder, tmp_path):
    """They name the archive, not the directory where it was unpacked."""
    write_pair(tmp_path / "model")
    (tmp_path / "model/vocab.txt").write_text("the\n")
    archive = zipped(tmp_path / "model", tmp_path / "217.zip", folder)
    assert load(archive).vocabulary_problem.startswith(
        f"{archive}/vocab.txt: no line is <S> or </S> or <UNK>"
    )
    (tmp_path / "model/options.json").write_text("{")
    archive = zipped(tmp_path / "model", tmp_path / "218.zip", folder)
    assert load_error(ConfigError, archive).startswith(f"{archive}/options.json: not a valid JSON file: ")


def test_an_archive_of_any_name(tmp_path):
    write_pair(tmp_path / "model")
    archive = zipped(tmp_path / "model", tmp_path / "model.bin")
    assert digest(load(archive)) == digest(pretrained())


def test_a_path_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me").mkdir()
    for name in ("original", "me/my-elmo"):
        write_pair(tmp_path / name)
        assert load(name).source == Path(name, "weights.hdf5")


def test_urls(form, tmp_path):
    FORMS[form](tmp_path / "model")
    archive = zipped(tmp_path / "model", tmp_path / "model.zip")
    assert digest(load(f"file://{archive}")) == digest(load(tmp_path / "model"))


def test_the_url_of_weights(tmp_path):
    write_pair(tmp_path / "model")
    for name, url in [
        ("options.json", "model/weights.hdf5"),
        ("my_options.json", "model/my_weights.hdf5"),
    ]:
        if name != "options.json":
            (tmp_path / "model/options.json").rename(tmp_path / "model" / name)
            (tmp_path / "model/weights.hdf5").rename(tmp_path / url)
        loaded = load(f"file://{tmp_path / url}")
        assert loaded.model.softmax is None
        theirs = digest(loaded)
        assert theirs == {key: value for key, value in digest(pretrained()).items() if key in theirs}
        assert "encoder.embedding" in theirs


def test_options_and_vocabulary_by_url(tmp_path):
    write_pair(tmp_path / "model")
    for name in ("options.json", "vocab.txt"):
        (tmp_path / "model" / name).rename(tmp_path / name)
    options, vocabulary = (f"file://{tmp_path / name}" for name in ("options.json", "vocab.txt"))
    loaded = load(tmp_path / "model", options=options, vocabulary=vocabulary)
    assert digest(loaded) == digest(pretrained())
    assert loaded.vocabulary == VOCABULARY


def test_published_names(monkeypatch, tmp_path):
    write_pair(tmp_path / "fetched")
    asked: list[tuple[str, bool]] = []

    def fetch(name: str, *, softmax: bool = False) -> Path:
        asked.append((name, softmax))
        return tmp_path / "fetched"

    monkeypatch.setattr(locate, "fetch_model", fetch)
    assert digest(load("Original")) == digest(pretrained())
    load("original", softmax=True)
    load("original", vocabulary=tmp_path / "fetched/vocab.txt")
    assert asked == [("Original", False), ("original", True), ("original", False)]


def test_hub_ids(monkeypatch, tmp_path):
    pretrained().save_pretrained(tmp_path / "snapshot")
    asked: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        return tmp_path / "snapshot"

    monkeypatch.setattr(locate, "fetch_snapshot", fetch)
    assert digest(load("me/my-elmo_2.0")) == digest(pretrained())
    assert asked == ["me/my-elmo_2.0"]


def test_a_hub_id_that_is_none():
    assert load_error(MissingModelError, "me/my-elmo") == (
        "me/my-elmo: no such file or directory, and me/my-elmo: asked for"
    )


@pytest.mark.parametrize("name", ["orignal", "some-model", "a b c"])
def test_names_that_nobody_knows(name):
    message = load_error(ModelFileError, name)
    assert message.startswith(
        f"{name}: no such file or directory, and {name!r}: no published model of this name"
    )
    assert ("did you mean 'original'?" in message) == (name == "orignal")


@pytest.mark.parametrize(
    "name", ["none.hdf5", "{there}/none", "{there}/model.ckpt-3", "a/b/c", "-/x", "../../none/x", "model.zip"]
)
def test_paths_that_are_not_there(name, tmp_path):
    path = name.format(there=tmp_path)
    assert load_error(MissingModelError, path) == f"{path}: no such file or directory: {EXPECTED}"


def test_the_message_names_every_format():
    assert all(format_.DESCRIPTION in EXPECTED for format_ in loading.FORMATS)


def test_a_path_that_is_misspelled(tmp_path):
    (tmp_path / "my-model").mkdir()
    near = tmp_path / "my-model"
    path = tmp_path / "my-modle"
    assert load_error(MissingModelError, path) == (
        f"{path}: no such file or directory (did you mean {str(near)!r}?): {EXPECTED}"
    )


def test_a_name_that_is_too_long():
    message = load_error(ConfigError, "x" * 5000)
    assert message.startswith("model: expected a path, got 'xxx")
    assert message.endswith("which no file can be named")


def test_an_empty_directory(tmp_path):
    assert load_error(ModelFileError, tmp_path) == f"{tmp_path}: no model in this directory: {EXPECTED}"


@pytest.mark.parametrize("content", [b"", b"text\n", b"{}", b"PK\3\4 and then nothing"])
def test_a_file_that_is_no_model(content, tmp_path):
    (tmp_path / "file.json").write_bytes(content)
    assert load_error(ModelFileError, tmp_path / "file.json").startswith(f"{tmp_path / 'file.json'}: ")


def test_an_archive_without_a_model(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/notes.txt").write_text("nothing here")
    message = load_error(ModelFileError, zipped(tmp_path / "model", tmp_path / "m.zip"))
    assert "no model in this directory: expected a training run's save directory" in message


def test_urls_of_nothing(tmp_path):
    missing = f"file://{tmp_path}/none.zip"
    assert load_error(FetchError, missing).startswith(missing)
    text = f"file://{tmp_path}/text.txt"
    assert load_error(FetchError, text).startswith(f"{text}: not the URL of a model: expected an .hdf5")


@pytest.mark.parametrize("form", ["run", "model directory", "many langs"], indirect=True)
def test_options_for_a_model_that_has_its_own(form, tmp_path):
    FORMS[form](tmp_path / "model")
    options, vocabulary = tmp_path / "options.json", tmp_path / "words.txt"
    options.write_text(json.dumps({}))
    vocabulary.write_text("<S>\n</S>\n<UNK>\nother\n")
    archive = zipped(tmp_path / "model", tmp_path / "m.zip")
    for model in (tmp_path / "model", archive):
        assert load_error(ConfigError, model, options=options) == (
            f"{model}: this model has its own options: leave out {options}, which can only be given for HDF5 "
            "weights and TensorFlow checkpoints"
        )
        assert load_error(ConfigError, model, vocabulary=vocabulary) == (
            f"{vocabulary}: not the vocabulary of {model}, which has its own: leave it out"
        )


@pytest.mark.parametrize("form", ["run", "model directory"], indirect=True)
def test_the_own_vocabulary_may_be_given_as_well(form, tmp_path):
    """The scripts of bilm-tf always name it."""
    FORMS[form](tmp_path / "model")
    expected = load(tmp_path / "model")
    vocabulary = tmp_path / "words.txt"
    expected.vocabulary.save(vocabulary)
    assert digest(load(tmp_path / "model", vocabulary=vocabulary)) == digest(expected)


@pytest.mark.parametrize("settings", [{"options": "none.json"}, {"vocabulary": "none.txt"}])
def test_given_files_that_are_not_there(settings, tmp_path):
    write_pair(tmp_path / "model")
    (name,) = settings.values()
    for model in ("model", "model/weights.hdf5"):
        assert load_error(MissingModelError, tmp_path / model, **settings) == f"{name}: no such file"


@pytest.mark.parametrize("separate", ["options", "vocabulary"])
@pytest.mark.parametrize("form", ["pair", "tensorflow"], indirect=True)
def test_an_archive_with_files_from_elsewhere(form, separate, tmp_path):
    """The same road as without them."""
    FORMS[form](tmp_path / "model")
    expected = load(tmp_path / "model")
    name = {"options": "options.json", "vocabulary": "vocab.txt"}[separate]
    (tmp_path / "model" / name).rename(tmp_path / name)
    archive = zipped(tmp_path / "model", tmp_path / "m.zip")
    for model in (tmp_path / "model", archive):
        loaded = load(model, **{separate: tmp_path / name})
        assert digest(loaded) == digest(expected)
        assert loaded.vocabulary == expected.vocabulary


def test_options_choose_the_format_that_needs_them(tmp_path):
    """A directory may hold one model in two formats, as some repositories do."""
    write_pair(tmp_path / "model")
    pretrained().save_pretrained(tmp_path / "own")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tmp_path / "own" / name, tmp_path / "model" / name)
    assert load(tmp_path / "model").source == tmp_path / "model"
    loaded = load(tmp_path / "model", options=tmp_path / "model/options.json")
    assert loaded.source == tmp_path / "model/weights.hdf5"


def test_a_directory_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(loading.FORMATS[0], "matches", refuse)
    assert load_error(ModelFileError, tmp_path) == f"{tmp_path}: cannot read: Permission denied"


class _NumpyFormat:
    """A format of one file, ``model.npz``: all that a new format needs."""

    DESCRIPTION = "a model.npz"
    HAS_SEPARATE_OPTIONS = True

    def matches(self, path: Path) -> bool:
        return path.suffix == ".npz" or (path / "model.npz").is_file()

    def read(self, path: Path, request: ReadRequest) -> StoredModel:
        file = path / "model.npz" if path.is_dir() else path
        config = Config.load(request.options or file.with_name("options.json"))
        names = parameter_shapes(config.model, None, with_softmax=False, source=file)
        layout = Layout({f"p/{name}": shape[::-1] for name, shape in names.items()}, self._transpose)
        with np.load(file) as arrays:
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        return StoredModel(file, config, None, tensors, layout)

    @staticmethod
    def _transpose(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name[2:]: tensor.permute(*reversed(range(tensor.dim()))) for name, tensor in tensors.items()}


def test_another_format_is_one_more_in_the_list(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "FORMATS", [*loading.FORMATS, _NumpyFormat()])
    model = pretrained()
    parameters = {k: v for k, v in model.model.named_parameters() if not k.startswith("softmax")}
    (tmp_path / "model").mkdir()
    arrays = {f"p/{name}": value.numpy().T for name, value in parameters.items()}
    np.savez(tmp_path / "model/model.npz", **arrays)
    (tmp_path / "model/options.json").write_text(json.dumps(model.config.to_bilm_options()))

    expected = {name: value.numpy().tobytes() for name, value in parameters.items()}
    archive = zipped(tmp_path / "model", tmp_path / "m.zip")
    options = Path(shutil.copy(tmp_path / "model/options.json", tmp_path / "elsewhere.json"))
    for path in (tmp_path / "model", tmp_path / "model/model.npz", archive, f"file://{archive}"):
        for settings in ({}, {"options": options}):
            assert digest(load(path, **settings)) == expected

    del arrays["p/encoder.embedding"]
    arrays["p/stacks.0.0.bias"] = np.full(32, np.nan, np.float32)
    np.savez(tmp_path / "model/model.npz", **arrays, more=np.zeros(3))
    assert load_error(ModelFileError, tmp_path / "model") == (
        f"{tmp_path / 'model/model.npz'}: does not match its options.json: p/encoder.embedding: missing; "
        "p/stacks.0.0.bias: holds NaN or infinite values; more: unexpected"
    )
    assert ", a model.npz, a ZIP archive of one of these" in load_error(ModelFileError, tmp_path)


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001", ".meta"])
def test_a_file_of_a_tensorflow_checkpoint_means_the_checkpoint(tmp_path, suffix):
    write_tensorflow(tmp_path / "ckpt")
    (prefix,) = {path.with_suffix("") for path in (tmp_path / "ckpt").glob("model.ckpt-*.index")}
    prefix.with_name(f"{prefix.name}.meta").touch()
    (tmp_path / "ckpt" / f"._{prefix.name}.index").write_bytes(b"Mac OS X")
    model = load(prefix.with_name(f"{prefix.name}{suffix}"))
    assert model.source == prefix
    assert digest(model) == digest(load(prefix))


def test_the_file_that_names_the_latest_tensorflow_checkpoint(tmp_path):
    write_tensorflow(tmp_path / "ckpt")
    assert load(tmp_path / "ckpt" / "checkpoint").source == load(tmp_path / "ckpt").source


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("options.json", "a file of settings, not a model: give the directory {parent}, or the file of"),
        ("model.safetensors", "weights without their settings: give the directory {parent}"),
        ("vocab.txt", "a vocabulary, not a model: give the directory {parent}"),
        ("german.tar.gz", "a tar archive: unpack it (tar -xf german.tar.gz) and give the directory"),
        ("model.tgz", "a tar archive: "),
        ("weights.hdf5.gz", "a compressed file: decompress it first"),
        ("model.ckpt-9.index.bak.data-00000-of-00001", "part of a TensorFlow checkpoint whose other files"),
        ("model.ckpt-9.meta", "part of a TensorFlow checkpoint whose other files are missing"),
        ("pytorch_model.bin", "a pickled file"),
    ],
)
def test_files_that_are_no_model_say_what_to_name(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"something")
    message = load_error(ModelFileError, tmp_path / name)
    assert message.startswith(f"{tmp_path / name}: {advice.format(parent=tmp_path)}")


def test_a_pipe_as_the_model(tmp_path):
    os.mkfifo(tmp_path / "pipe.hdf5")
    assert load_error(ModelFileError, tmp_path / "pipe.hdf5").endswith("expected a file or directory")


def test_hidden_files_are_no_weights(tmp_path):
    """macOS puts a ._file beside every file on a disk of another system."""
    write_pair(tmp_path / "pair")
    expected = digest(load(tmp_path / "pair"))
    for path in list((tmp_path / "pair").iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    assert digest(load(tmp_path / "pair")) == expected
    assert digest(load(tmp_path / "pair" / "weights.hdf5")) == expected


@pytest.mark.parametrize("with_own_options", [False, True])
def test_a_link_to_weights_whose_other_files_are_beside_them(tmp_path, with_own_options):
    write_pair(tmp_path / "real")
    expected = load(tmp_path / "real")
    link = tmp_path / "links" / "w.hdf5"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "real" / "weights.hdf5")
    if with_own_options:
        shutil.copy(tmp_path / "real" / "options.json", link.with_name("options.json"))
    model = load(link)
    assert model.source == link
    if with_own_options:
        assert model.vocabulary is None  # everything of this model is beside the link
    else:
        assert digest(model) == digest(expected)
        assert model.vocabulary == expected.vocabulary
    assert digest(load(link.parent)) == digest(model)


def test_a_link_to_a_tensorflow_checkpoint(tmp_path):
    write_tensorflow(tmp_path / "ckpt")
    (tmp_path / "links").mkdir()
    for path in (tmp_path / "ckpt").glob("model.ckpt-*"):
        (tmp_path / "links" / path.name).symlink_to(path)
    assert digest(load(tmp_path / "links")) == digest(load(tmp_path / "ckpt"))


def test_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_pair(tmp_path / "pair")
    expected = digest(load(tmp_path / "pair"))
    assert digest(load("~/pair")) == expected
    (tmp_path / "elsewhere").mkdir()
    for name in ("options.json", "vocab.txt"):
        (tmp_path / "pair" / name).rename(tmp_path / "elsewhere" / name)
    elsewhere = {"options": "~/elsewhere/options.json", "vocabulary": "~/elsewhere/vocab.txt"}
    assert digest(load("~/pair/weights.hdf5", **elsewhere)) == expected
    assert "~nobody-here/pair" in load_error(MissingModelError, "~nobody-here/pair")


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_current_directory(name, model_directory, monkeypatch):
    monkeypatch.chdir(model_directory("words"))
    with pytest.raises(MissingModelError, match="an empty name, expected a model: is a variable"):
        load(name)
    assert load(".").vocabulary is not None

"""elmokit's own model directory: bit-exact, written completely or not at all, every problem reported."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import metadata_load
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, ModelFileError, OutputError, TextError, VocabularyError
from elmokit.formats import model_directory
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel

FACTS = {"step": 1200, "best_step": 1000, "best_perplexity": 45.678, "seconds": 9000.0}


@pytest.fixture
def directory(make, tmp_path) -> Path:
    """A directory of an earlier version, without checksums: what is wrong is found without them, too."""
    dataclasses.replace(make(), facts=FACTS).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "checksums.txt").unlink()
    return tmp_path / "model"


@pytest.fixture
def change_config(directory) -> Callable[..., None]:
    def change(**values: Any) -> None:
        path = directory / "config.json"
        config = json.loads(path.read_text()) | values
        path.write_text(json.dumps({name: value for name, value in config.items() if value != "absent"}))

    return change


@pytest.fixture
def change_weights(directory) -> Callable[..., None]:
    def change(**tensors: Tensor | None) -> None:
        path = directory / "model.safetensors"
        stored = load_file(path) | tensors
        save_file({name: value for name, value in stored.items() if value is not None}, path)

    return change


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


# --- round trips ---------------------------------------------------------------------------------


@pytest.mark.parametrize("with_softmax", [True, False])
def test_round_trip(kind, with_softmax, make, assert_same, tmp_path):
    original = dataclasses.replace(make(kind, with_softmax=with_softmax), facts=FACTS)
    original.save_pretrained(tmp_path / "one")
    names = ["README.md", "checksums.txt", "config.json", "model.safetensors", "vocab.txt"]
    assert sorted(files(tmp_path / "one")) == names
    loaded = load(tmp_path / "one")
    assert_same(original, loaded)
    assert loaded.config == original.config
    assert loaded.facts == FACTS
    assert loaded.source == tmp_path / "one"
    assert (loaded.model.softmax is not None) == with_softmax
    assert loaded.model.num_words == len(original.vocabulary)
    loaded.save_pretrained(str(tmp_path / "two" / "one"))
    assert files(tmp_path / "two/one") == files(tmp_path / "one")


def test_a_tied_softmax_stays_tied(make, tmp_path):
    make("tied words").save_pretrained(tmp_path / "model")
    model = load(tmp_path / "model").model
    assert model.softmax.weight is model.encoder.weight
    assert "softmax.weight" not in load_file(tmp_path / "model/model.safetensors")


def test_without_a_vocabulary(make, tmp_path):
    bare = dataclasses.replace(make(with_softmax=False), vocabulary=None)
    bare.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model/vocab.txt").exists()
    loaded = load(tmp_path / "model")
    assert loaded.vocabulary is None
    assert loaded.facts == {}
    assert ElmoEmbedder(loaded).embed(["the cat"])[0].shape == (3, 2, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read(dtype, directory):
    expected = {
        name: value.to(dtype).float() for name, value in load_file(directory / "model.safetensors").items()
    }
    save_file(
        {name: value.to(dtype) for name, value in load_file(directory / "model.safetensors").items()},
        directory / "model.safetensors",
    )
    for name, parameter in load(directory).model.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, expected[name])


def test_half_precision_keeps_every_parameter_rounded(make, directory, tmp_path):
    load(directory).save_pretrained(tmp_path / "half", half_precision=True)
    stored = load_file(tmp_path / "half/model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    halves = dict(load(tmp_path / "half").model.named_parameters())
    for name, parameter in load(directory).model.named_parameters():
        assert torch.equal(halves[name], parameter.half().float())
    assert {k: v for k, v in files(tmp_path / "half").items() if k in ("config.json", "vocab.txt")} == {
        k: v for k, v in files(directory).items() if k in ("config.json", "vocab.txt")
    }


def test_what_half_precision_cannot_hold_is_refused(directory, tmp_path):
    pretrained = load(directory)
    with torch.no_grad():
        pretrained.model.softmax.bias[0] = 70_000.0
    with pytest.raises(ModelFileError, match=r"too large for half precision, at most 65,504: softmax\.bias$"):
        pretrained.save_pretrained(tmp_path / "half", half_precision=True)
    assert not (tmp_path / "half").exists()


# --- what may be replaced ------------------------------------------------------------------------


def test_an_earlier_model_directory_is_replaced_whole(make, directory, assert_same):
    other = dataclasses.replace(make("words", seed=9, with_softmax=False), vocabulary=None)
    assert (directory / "vocab.txt").exists()
    other.save_pretrained(directory)
    assert sorted(files(directory)) == [
        "README.md",
        "checksums.txt",
        "config.json",
        "model.safetensors",
    ]
    assert [path.name for path in directory.parent.iterdir()] == ["model"]
    with_words = dataclasses.replace(make("words", seed=9, with_softmax=False))
    with_words.save_pretrained(directory)
    assert_same(with_words, load(directory))


def test_an_empty_directory_is_filled(make, tmp_path):
    (tmp_path / "model").mkdir()
    make().save_pretrained(tmp_path / "model")
    assert model_directory.matches(tmp_path / "model")


@pytest.mark.parametrize(
    "content",
    [
        {"README.md": "notes"},
        {"config.json": "{}"},
        {"options.json": "{}", "weights.hdf5": ""},
        {"deep/file": "content"},
    ],
    ids=str,
)
def test_a_foreign_directory_is_refused(content, make, tmp_path):
    for name, text in content.items():
        (tmp_path / "taken" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "taken" / name).write_text(text)
    before = files(tmp_path)
    with pytest.raises(OutputError) as error:
        make().save_pretrained(tmp_path / "taken")
    assert (
        str(error.value)
        == f"{tmp_path / 'taken'} already exists and is not a model directory: choose another directory"
    )
    assert files(tmp_path) == before


def test_a_file_is_refused(make, tmp_path):
    (tmp_path / "taken").write_text("content")
    with pytest.raises(OutputError, match="taken already exists and is not a model directory"):
        make().save_pretrained(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "content"


def test_a_model_of_another_kind_is_refused(make, directory):
    """Models of other libraries have files of the same names."""
    (directory / "config.json").write_text('{"model_type": "bert"}')
    before = files(directory)
    with pytest.raises(OutputError) as error:
        make().save_pretrained(directory)
    assert str(error.value) == (
        f"{directory / 'config.json'}: model_type: expected 'elmokit-bilm', got 'bert': a model of another "
        "library: not replaced, choose another directory"
    )
    assert files(directory) == before


def test_a_model_directory_with_other_files_is_refused(make, directory):
    (directory / "notes.txt").write_text("mine")
    (directory / ".git").mkdir()
    before = files(directory)
    with pytest.raises(OutputError) as error:
        make().save_pretrained(directory)
    assert str(error.value) == (
        f"{directory}: contains other files than a model (.git, notes.txt): choose another directory"
    )
    assert files(directory) == before


@pytest.mark.parametrize("limit", [100, 3000, 12_000])
def test_a_full_disk_leaves_nothing(limit, make, directory, tmp_path, largest_file):
    before = files(tmp_path)
    assert max(map(len, before.values())) > 12_000
    for name in ("model", "new"):
        with largest_file(limit), pytest.raises(OutputError, match=rf"{name}: cannot write: .*"):
            make(seed=9).save_pretrained(tmp_path / name)
    assert files(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_directory_that_cannot_be_created(make, tmp_path):
    (tmp_path / "file").write_text("content")
    with pytest.raises(OutputError, match=r"file/model: cannot write: "):
        make().save_pretrained(tmp_path / "file" / "model")


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"model_type": "bert"},
            "model_type: expected 'elmokit-bilm', got 'bert': a model of another library",
        ),
        (
            {"model_type": "absent"},
            "model_type: expected 'elmokit-bilm', got None: a model of another library",
        ),
        ({"format_version": 2}, "format_version: expected 1, got 2"),
        ({"format_version": "absent"}, "format_version: expected 1, got None"),
        ({"num_words": "8"}, "num_words: expected a number of words, got '8'"),
        ({"num_words": True}, "num_words: expected a number of words, got True"),
        ({"num_words": -8}, "num_words: expected a number of words, got -8"),
        ({"facts": [1]}, "facts: expected a table, got [1]"),
        (
            {"facts": {"step": "many", "seconds": None, "best_step": [1]}},
            "facts: step: expected a number, got 'many'; best_step: expected a number, got [1]",
        ),
    ],
)
def test_a_wrong_configuration(values, expected, directory, change_config, load_error):
    change_config(**values)
    assert load_error(ModelFileError, directory) == f"{directory / 'config.json'}: {expected}"


def test_wrong_settings_are_named_all_at_once(directory, change_config, load_error):
    change_config(model={"lstm": {"cel_dim": 3, "num_layers": 0}}, training={"dropout": 2})
    message = load_error(ConfigError, directory)
    assert message.startswith(f"{directory / 'config.json'}: 3 errors: ")
    assert "model.lstm.cel_dim: unknown setting, did you mean 'cell_dim'?" in message
    assert "model.lstm.num_layers" in message
    assert "training.dropout" in message


@pytest.mark.parametrize("content", ["", "{", "\xff", "[" * 100_000, "[1]", "null"])
def test_a_configuration_that_is_none(content, directory, load_error):
    (directory / "config.json").write_bytes(content.encode("latin-1"))
    message = load_error(ModelFileError, directory)
    assert message.startswith(f"{directory / 'config.json'}: ")
    assert "not valid JSON" in message or "expected a table, got " in message


def test_every_problem_of_the_weights_is_reported(directory, change_weights, load_error):
    infinite = torch.zeros(8)
    infinite[3] = torch.inf
    change_weights(
        **{
            "encoder.embedding": None,
            "softmax.bias": infinite,
            "softmax.weight": torch.zeros(8, 5),
            "stacks.0.0.bias": torch.zeros(32, dtype=torch.int64),
            "stacks.0.1.bias": torch.zeros(32, dtype=torch.float8_e4m3fn),
            "stacks.2.0.bias": torch.zeros(1),
        }
    )
    path, _, problems = load_error(ModelFileError, directory).partition(": does not match its config.json: ")
    assert path == str(directory / "model.safetensors")
    types = "expected floating-point numbers of 16 bits or more"
    assert sorted(problems.split("; ")) == [
        "encoder.embedding: missing",
        "softmax.bias: holds NaN or infinite values",
        "softmax.weight: shape (8, 5), expected (8, 4)",
        f"stacks.0.0.bias: torch.int64, {types}",
        f"stacks.0.1.bias: torch.float8_e4m3fn, {types}",
        "stacks.2.0.bias: unexpected",
    ]


def test_half_a_softmax(directory, change_weights, load_error):
    change_weights(**{"softmax.weight": None})
    assert "model.safetensors: does not match its config.json: softmax.weight: missing" in load_error(
        ModelFileError, directory
    )
    change_weights(**{"softmax.weight": torch.zeros(8, 4), "softmax.bias": None})
    assert "model.safetensors: does not match its config.json: softmax.weight: unexpected" in load_error(
        ModelFileError, directory
    )


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_the_number_of_words_is_missing(kind, make, tmp_path, load_error):
    make(kind).save_pretrained(tmp_path / "m")
    (tmp_path / "m/checksums.txt").unlink()
    path = tmp_path / "m/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_words": None}))
    assert (
        load_error(ModelFileError, tmp_path / "m")
        == f"{tmp_path / 'm/vocab.txt'}: 8 words, but config.json has num_words=None"
    )
    (tmp_path / "m/vocab.txt").unlink()
    assert load_error(ModelFileError, tmp_path / "m") == (
        f"{path}: num_words: missing, expected the number of words of the weights"
    )


@pytest.mark.parametrize("size", [0, 7, 100, 5000, -1])
def test_truncated_weights(size, directory, load_error):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert load_error(ModelFileError, directory).startswith(f"{path}: cannot read the weights: damaged (")


def test_weights_that_are_something_else(directory, load_error):
    path = directory / "model.safetensors"
    for content in (b"version https://git-lfs.github.com/spec/v1\n", b"\xff" * 1000, b"PK\3\4" * 100):
        path.write_bytes(content)
        assert load_error(ModelFileError, directory).startswith(f"{path}: cannot read the weights: damaged (")


def test_an_impossible_size(directory, change_config, load_error):
    (directory / "vocab.txt").unlink()
    change_config(num_words=10**18)
    assert "the model would be impossibly large" in load_error(ConfigError, directory)


def test_damaged_vocabularies(directory, load_error):
    path = directory / "vocab.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-1]), encoding="utf-8")
    assert load_error(ModelFileError, directory) == f"{path}: 7 words, but config.json has num_words=8"
    path.write_text("\n".join(lines[1:]), encoding="utf-8")
    assert load_error(VocabularyError, directory).startswith(f"{path}:1: got '</S>', expected <S>")
    path.write_bytes(b"<S>\n</S>\n<UNK>\n\xff\n")
    assert load_error(TextError, directory).startswith(f"{path}:4: not valid UTF-8")


# --- the model card ------------------------------------------------------------------------------


def card_of(pretrained: PretrainedModel, directory: Path) -> tuple[dict[str, Any] | None, str]:
    """The metadata as the Hub reads it, and the text below."""
    pretrained.save_pretrained(directory)
    path = directory / "README.md"
    return metadata_load(path), path.read_text(encoding="utf-8").split("---\n", 2)[2]


def test_the_card_says_what_is_known(make, tmp_path):
    metadata, body = card_of(dataclasses.replace(make(), facts=FACTS), tmp_path / "my-elmo")
    assert metadata == {"library_name": "elmokit", "tags": ["elmo", "bilm", "word-embeddings"]}
    assert "# my-elmo\n" in body
    assert 'elmokit.ElmoEmbedder.from_pretrained("my-elmo")' in body
    num_parameters = sum(parameter.numel() for parameter in make().model.parameters())
    training = make().config.training
    num_tokens = 1200 * training.batch_size * training.unroll_steps
    for row in (
        "| input | characters |",
        "| layers | token layer and 2 LSTM layers, vectors of width 8 |",
        "| LSTM | cell 8, projection 4 |",
        f"| parameters | {num_parameters:,} |",
        "| softmax | 8 words |",
        f"| steps | 1,200 of {training.batch_size} x {training.unroll_steps} tokens |",
        f"| tokens | {num_tokens:,} |",
        "| time | 2.5 hours |",
        "| heldout perplexity | 45.68 (mean of the directions, full softmax), after step 1,000 |",
        f"| dropout | {training.dropout} |",
        f"| learning rate | {training.learning_rate} |",
    ):
        assert f"\n{row}\n" in body


def test_the_card_of_a_model_of_unknown_origin(make, tmp_path):
    _, body = card_of(make("words", with_softmax=False), tmp_path / "m")
    assert "| input | words |\n" in body
    assert "| softmax | none |\n| vocabulary | 8 words |\n" in body
    assert "Training" not in body


def test_the_card_without_heldout_text(make, tmp_path):
    facts = {"step": 5, "best_step": 0, "best_perplexity": None, "seconds": None}
    _, body = card_of(dataclasses.replace(make(), facts=facts), tmp_path / "m")
    assert "| steps | 5 of" in body
    assert "heldout" not in body
    assert "| time |" not in body


def test_the_example_of_the_card_runs(make, tmp_path, monkeypatch):
    _, body = card_of(make(), tmp_path / "my-elmo")
    monkeypatch.chdir(tmp_path)
    variables: dict[str, Any] = {}
    exec(body.split("```python\n")[1].split("```")[0], variables)
    assert variables["vectors"][0].shape == (3, 5, 8)

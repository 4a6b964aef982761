"""Every user error: exit code 2, one line that says what, where and why, and no partial output."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmokit.formats.checkpoint import Checkpoint, list_checkpoints, read_checkpoint, write_checkpoint

pytestmark = pytest.mark.usefixtures("work")

COMMANDS = {
    "vocabulary": ["vocabulary", "--input", "{text}", "--output", "new.txt"],
    "shard": ["shard", "--input", "{text}", "--output-dir", "new"],
    "train": [
        *("train", "--train-prefix", "{text}", "--vocab-file", "vocab.txt"),
        *("--save-dir", "new", "--config", "c.toml", "max_steps=2"),
    ],
    "heldout": [
        *("train", "--train-prefix", "train.txt", "--heldout-prefix", "{text}", "--vocab-file", "vocab.txt"),
        *("--save-dir", "new", "--config", "c.toml", "max_steps=2"),
    ],
    "evaluate": ["evaluate", "--save-dir", "model", "--test-prefix", "{text}"],
    "embed": ["embed", "model", "{text}", "new.hdf5"],
    "projector": ["projector", "model", "{text}", "--logdir", "new"],
}
TRAIN = ["train", "--train-prefix", "train.txt", "--vocab-file", "vocab.txt", "--config", "c.toml"]


def files(directory: Path) -> dict[str, bytes]:
    """Return the content of all files below a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.fixture
def fails(run_cli, work):
    """Run a command that must fail, and return its message."""

    def run(*arguments: object) -> str:
        before = files(work)
        result = run_cli(*arguments)
        assert result.exit_code == 2
        (line,) = result.err.splitlines()
        assert line.startswith("elmokit: ")
        assert "Traceback" not in line
        assert files(work) == before
        return line

    return run


def on_text(command: str, text: str) -> list[str]:
    return [argument.format(text=text) for argument in COMMANDS[command]]


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("text", ["none.txt", "none-*.txt", "no/where/"])
def test_no_file_matches(fails, command, text):
    assert f"{text.rstrip('/')}" in (line := fails(*on_text(command, text)))
    assert "no such file, and no file matches it as a glob: check the path" in line


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "embed"])
@pytest.mark.parametrize("content", ["", "\n \n\n"], ids=["empty", "blank"])
def test_no_token(fails, work, command, content):
    (work / "void.txt").write_text(content)
    assert "the text contains no tokens (void.txt)" in fails(*on_text(command, "void.txt"))


@pytest.mark.parametrize("content", ["", "\n \n\n"], ids=["empty", "blank"])
def test_embedding_no_token(run_cli, work, content):
    (work / "void.txt").write_text(content)
    result = run_cli(*on_text("embed", "void.txt"))
    assert (result.exit_code, result.err) == (0, "")
    with h5py.File("new.hdf5") as file:
        assert {key: file[key].shape for key in file} == {
            str(k): (3, 0, 8) for k in range(len(content) - 1)[:3]
        }


@pytest.mark.parametrize("command", COMMANDS)
def test_not_utf8(fails, work, command):
    (work / "bad.txt").write_bytes(b"good line\nbad \xe9t\xe9\n")
    line = fails(*on_text(command, "bad.txt"))
    assert "bad.txt:2: not valid UTF-8 (byte 0xe9 at column 5)" in line
    assert "iconv" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_nul_characters(fails, work, command):
    (work / "bad.txt").write_bytes(b"good line\nnul \0 line\n")
    assert "bad.txt:2: NUL character, expected text" in fails(*on_text(command, "bad.txt"))


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "embed"])
@pytest.mark.parametrize("marker", ["<S>", "</S>"])
def test_sentence_markers_in_the_text(fails, work, command, marker):
    (work / "bad.txt").write_text(f"good line\n\none {marker} two\n")
    line = fails(*on_text(command, "bad.txt"))
    assert f"bad.txt:3: token 2 is {marker}, a sentence marker that elmokit adds itself" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_compressed_text(fails, work, command):
    (work / "bad.txt.gz").write_bytes(b"\x1f\x8b\x08 not really")
    assert "bad.txt.gz: cannot read" in fails(*on_text(command, "bad.txt.gz"))


def test_too_few_sentences_for_the_lanes(fails, work):
    (work / "few.txt").write_text("one\n\ntwo\nthree\n")
    line = fails(*on_text("train", "few.txt"))
    assert "few.txt: 3 sentences are too few for batch_size=4" in line
    assert "lower batch_size" in line


def test_heldout_text_too_short_for_a_batch_of_bilm_tf(fails):
    line = fails(*on_text("evaluate", "heldout.txt"), "--bilm-compatible", "--batch-size", 5000)
    assert "heldout.txt: 11 lines are too few for a batch of 5000 rows: lower --batch-size" in line


def test_unwritable_cache(fails, work, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(work / "train.txt"))
    assert "set ELMOKIT_CACHE to a directory with room for it" in fails(*on_text("evaluate", "train.txt"))


# --- vocabularies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb\n", "bad.txt:1: got 'a', expected <S>"),
        ("<S>\n</S>\na\n", "bad.txt:3: got 'a', expected <UNK>"),
        ("<S>\n</S>\n<UNK>\na\nb\na\n", "bad.txt:6: 'a' already occurs at bad.txt:4"),
        ("<S>\n</S>\n<UNK>\n\nb\n", "bad.txt:4: blank"),
        ("", "bad.txt: the file is empty"),
    ],
    ids=["specials", "unk", "duplicate", "blank", "empty"],
)
def test_vocabularies_that_would_damage_a_model(fails, work, content, expected):
    (work / "bad.txt").write_text(content)
    line = fails(*[*TRAIN, "--vocab-file", "bad.txt"], "--save-dir", "new")
    assert expected in line
    assert "elmokit vocabulary" in line


def test_no_vocabulary(fails):
    assert "none.txt: cannot read: No such file" in fails(
        *TRAIN, "--vocab-file", "none.txt", "--save-dir", "new"
    )


@pytest.mark.parametrize("change", [1, -1])
@pytest.mark.parametrize("command", ["evaluate", "embed", "info", "dump-weights"])
def test_a_vocabulary_of_another_size_than_the_model(fails, work, command, change):
    words = (work / "vocab.txt").read_text().split()
    words = [*words, "onemore"] if change > 0 else words[:-1]
    (work / "model/vocab.txt").write_text("\n".join(words) + "\n")
    arguments = {
        "info": ["info", "model"],
        "dump-weights": ["dump-weights", "--save-dir", "model", "--outfile", "new/weights.hdf5"],
    }
    line = fails(*arguments.get(command, on_text(command, "heldout.txt") if command in COMMANDS else []))
    assert f"model/vocab.txt: not the vocabulary of this run ({len(words)} words, fingerprint " in line


def test_evaluating_with_another_vocabulary_of_the_same_size(fails, work):
    words = (work / "vocab.txt").read_text().split()
    (work / "model/vocab.txt").write_text("\n".join([*words[:3], *reversed(words[3:])]) + "\n")
    assert "vocab.txt" in fails(*on_text("evaluate", "heldout.txt"))


@pytest.mark.parametrize("change", ["larger", "smaller", "other"])
def test_resuming_with_another_vocabulary(fails, work, change):
    words = (work / "vocab.txt").read_text().split()
    changed = {"larger": [*words, "onemore"], "smaller": words[:-1], "other": [*words[:-1], "onemore"]}[
        change
    ]
    (work / "v.txt").write_text("\n".join(changed) + "\n")
    line = fails("train", "--save-dir", "model", "--resume", "--vocab-file", "v.txt", "max_steps=9")
    assert "v.txt: not the vocabulary that this run was started with" in line


@pytest.mark.parametrize("change", ["larger", "smaller", "other"])
def test_resuming_after_the_vocabulary_was_swapped(fails, work, change):
    words = (work / "vocab.txt").read_text().split()
    changed = {"larger": [*words, "onemore"], "smaller": words[:-1], "other": [*words[:-1], "onemore"]}[
        change
    ]
    (work / "model/vocab.txt").write_text("\n".join(changed) + "\n")
    line = fails("train", "--save-dir", "model", "--resume", "max_steps=9")
    assert "the vocabulary is not the one that this run was started with" in line


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("batchsize=3", "did you mean 'batch_size'?"),
        ("dropout=1.5", "training.dropout: input should be less than 1, got 1.5"),
        ("unroll_steps=0", "training.unroll_steps"),
        ("device=abacus", "device=abacus: not available here"),
        ("device=cuda:77", "device=cuda:77: not available here"),
    ],
)
def test_settings(fails, override, expected):
    assert expected in fails(*TRAIN, "--save-dir", "new", override)


def test_an_unknown_configuration(fails):
    assert "no configuration named 'smal'" in fails(*TRAIN, "--save-dir", "new", "--config", "smal")


def test_all_errors_of_an_options_file(fails, work):
    (work / "options.json").write_text(json.dumps({"lstm": {"dimm": 3}, "batchsize": 2}))
    line = fails(*TRAIN, "--config", "options.json", "--save-dir", "new")
    assert "options.json: 4 errors: " in line
    assert "lstm.dim: missing; lstm.projection_dim: missing" in line
    assert "lstm.dimm: unknown setting, did you mean 'dim'?" in line
    assert "batchsize: unknown setting, did you mean 'batch_size'?" in line


def test_a_model_that_does_not_fit_into_memory(fails):
    assert "memory" in fails(*TRAIN, "--save-dir", "new", "cell_dim=1000000", "projection_dim=1000000")


def test_a_stray_file_name(run_cli):
    result = run_cli(*TRAIN, "--save-dir", "new", "more.txt")
    assert result.exit_code == 2
    assert "Got unexpected argument 'more.txt': expected key=value. Put a glob in quotes" in result.err
    Path("more.txt").touch()
    result = run_cli(*TRAIN, "--save-dir", "new", "more.txt")
    assert "expected key=value. To train on it, write --train-prefix more.txt" in result.err


@pytest.mark.parametrize("option", ["--train-prefix", "--vocab-file", "--save-dir"])
def test_missing_options(run_cli, option):
    arguments = [*TRAIN, "--save-dir", "new"]
    place = arguments.index(option)
    result = run_cli(*arguments[:place], *arguments[place + 2 :])
    assert result.exit_code == 2
    assert f"Missing option '{option}'" in result.err


# --- save directories ----------------------------------------------------------------------------


def test_a_file_in_the_place_of_the_save_directory(fails, work):
    assert "train.txt: cannot write: File exists" in fails(*TRAIN, "--save-dir", "train.txt")
    assert "cannot write: Not a directory" in fails(*TRAIN, "--save-dir", "train.txt/deep")


def test_a_directory_that_holds_a_run(fails):
    assert "model: already holds a training run: continue it with --resume" in fails(
        *TRAIN, "--save-dir", "model"
    )


@pytest.mark.parametrize("save_dir", ["none", "."])
def test_nothing_to_resume(fails, save_dir):
    line = fails("train", "--save-dir", save_dir, "--resume")
    assert f"{save_dir}: no checkpoint there to resume from" in line


def test_a_full_disk(run_cli, work, monkeypatch):
    def full(tensors, file):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elmokit.formats.checkpoint.save_file", full)
    result = run_cli(*TRAIN, "--save-dir", "new", "max_steps=2")
    assert result.exit_code == 2
    (line,) = result.err.splitlines()
    assert "new/checkpoints/step-00000002: cannot write: No space left on device" in line
    assert list((work / "new/checkpoints").iterdir()) == []


def test_resuming_on_another_text(fails, work):
    (work / "other.txt").write_text("a b\n" * 20)
    line = fails("train", "--save-dir", "model", "--resume", "--train-prefix", "other.txt", "max_steps=9")
    assert "the training text is not the one that this run was started with" in line


def test_resuming_with_other_settings(fails):
    line = fails("train", "--save-dir", "model", "--resume", "batch_size=3", "seed=5", "max_steps=9")
    assert "training.batch_size: 4, 3; training.seed: 0, 5" in line


def test_resuming_when_all_checkpoints_are_damaged(fails, work):
    for directory in list_checkpoints(work / "model"):
        content = (directory / "model.safetensors").read_bytes()
        (directory / "model.safetensors").write_bytes(content[:-1])
    line = fails("train", "--save-dir", "model", "--resume", "max_steps=9")
    assert line.count("model.safetensors: damaged checkpoint") == len(list_checkpoints(work / "model"))


# --- models --------------------------------------------------------------------------------------

MODEL_COMMANDS = {
    "evaluate": ["evaluate", "--save-dir", "{model}", "--test-prefix", "heldout.txt"],
    "embed": ["embed", "{model}", "heldout.txt", "new.hdf5"],
    "info": ["info", "{model}"],
    "dump-weights": ["dump-weights", "--save-dir", "{model}", "--outfile", "new/weights.hdf5"],
}


def on_model(command: str, model: str) -> list[str]:
    return [argument.format(model=model) for argument in MODEL_COMMANDS[command]]


@pytest.fixture
def dumped(run_cli, work) -> Path:
    assert run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5").exit_code == 0
    return work / "elmo"


@pytest.mark.parametrize("command", MODEL_COMMANDS)
class TestModels:
    def test_nothing_there(self, fails, command):
        line = fails(*on_model(command, "none"))
        assert "none" in line
        assert "expected a training run's save directory" in fails(*on_model(command, "none.hdf5"))

    def test_neither_a_run_nor_weights(self, fails, command):
        line = fails(*on_model(command, "."))
        assert ".: no model in this directory: expected a training run's save directory" in line

    def test_a_damaged_checkpoint(self, fails, work, command):
        for directory in list_checkpoints(work / "model"):
            content = (directory / "model.safetensors").read_bytes()
            (directory / "model.safetensors").write_bytes(content[:100])
        assert "model.safetensors: damaged checkpoint" in fails(*on_model(command, "model"))

    def test_a_damaged_best_checkpoint(self, fails, work, command):
        *_, best, newest = list_checkpoints(work / "model")
        checkpoint = read_checkpoint(newest)
        checkpoint.trainer["best_step"] = read_checkpoint(best).trainer["step"]
        write_checkpoint(newest, Checkpoint(checkpoint.tensors, checkpoint.trainer))
        (best / "model.safetensors").write_bytes(b"")
        line = fails(*on_model(command, "model"))
        assert f"{best.name}/model.safetensors: damaged checkpoint (its checksum is wrong): " in line
        assert line.endswith(f"or delete model/checkpoints/{best.name} to use another checkpoint")

    def test_a_run_without_its_configuration(self, fails, work, command):
        (work / "model/config.json").unlink()
        line = fails(*on_model(command, "model"))
        assert "model/config.json: cannot read the configuration: No such file" in line

    def test_no_options(self, fails, dumped, command):
        (dumped / "options.json").unlink()
        assert "elmo/options.json: no such file" in fails(*on_model(command, "elmo"))

    def test_options_of_another_geometry(self, fails, dumped, command):
        path = dumped / "options.json"
        options = json.loads(path.read_text())
        options["lstm"]["projection_dim"] = 5
        path.write_text(json.dumps(options))
        line = fails(*on_model(command, "elmo"))
        assert "elmo/weights.hdf5: does not match its options.json: " in line
        assert "CNN_proj/W_proj: shape (8, 4), expected (8, 5)" in line

    def test_two_weight_files(self, fails, dumped, command):
        shutil.copy(dumped / "weights.hdf5", dumped / "other.hdf5")
        line = fails(*on_model(command, "elmo"))
        assert "elmo: expected one HDF5 file of weights, got other.hdf5, weights.hdf5" in line

    def test_truncated_weights(self, fails, dumped, command):
        content = (dumped / "weights.hdf5").read_bytes()
        (dumped / "weights.hdf5").write_bytes(content[: len(content) // 2])
        line = fails(*on_model(command, "elmo"))
        assert "elmo/weights.hdf5: cannot read the weights: damaged or not an HDF5 file" in line

    def test_a_text_for_a_model(self, fails, command):
        line = fails(*on_model(command, "train.txt"))
        assert "'train.txt' is text, expected a model" in line


# --- embedding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["train.txt/new.hdf5", "vocab.txt/deep/new.hdf5"])
def test_unwritable_vectors(fails, output):
    assert f"{output}: cannot write: " in fails("embed", "model", "heldout.txt", output)


def test_a_directory_for_the_vectors(run_cli, work):
    result = run_cli("embed", "model", "heldout.txt", "model")
    assert result.exit_code == 2
    assert "'model' is a directory" in result.err
    assert "Traceback" not in result.err


def test_an_unknown_device(fails):
    assert "device=abacus: not available here" in fails(*on_model("embed", "model"), "--device", "abacus")
    assert "device=abacus: not available here" in fails(*on_model("evaluate", "model"), "--device", "abacus")


def test_an_error_in_the_middle_of_the_text_keeps_the_old_vectors(fails, run_cli, work):
    run_cli("embed", "model", "heldout.txt", "new.hdf5")
    before = (work / "new.hdf5").read_bytes()
    (work / "bad.txt").write_bytes(b"good line\n" * 3000 + b"bad \xff\n")
    assert "bad.txt:3001: not valid UTF-8" in fails(
        "embed", "model", "bad.txt", "new.hdf5", "--batch-size", 8
    )
    assert (work / "new.hdf5").read_bytes() == before


def test_very_long_tokens_are_allowed(run_cli, work):
    (work / "long.txt").write_text("x" * 10_000 + " short\n" + "é" * 10_000 + "\n")
    result = run_cli("embed", "model", "long.txt", "new.hdf5")
    assert (result.exit_code, result.err) == (0, "")
    with h5py.File("new.hdf5") as file:
        assert file["0"].shape == (3, 2, 8)
        assert np.isfinite(file["0"][()]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("embed pair heldout.txt pair/weights.hdf5", "pair/weights.hdf5: this is an input"),
        (
            "embed model heldout.txt pair/weights.hdf5",
            "already exists and is not a file of sentence vectors",
        ),
        ("embed model heldout.txt heldout.txt", "heldout.txt: this is an input: choose"),
        ("embed model heldout.txt k.hdf5 --token-embeddings k.hdf5", "k.hdf5: this is an input: choose"),
        ("embed-tokens model vocab.txt pair/weights.hdf5", "is not a file of token embeddings"),
        ("convert pair pair --format bilm", "pair/weights.hdf5: this is an input"),
        ("convert directory directory --format elmokit", "directory: this is an input"),
        ("dump-weights --save-dir pair --outfile pair/weights.hdf5", "pair/weights.hdf5: this is an input"),
        (
            "convert model heldout.txt --format word2vec",
            "already exists and is not a file of word vectors",
        ),
        (
            "vocabulary --input train.txt --output heldout.txt",
            "already exists and is not a vocabulary",
        ),
        ("plot model picture.svg -o picture.svg", "picture.svg: this is an input"),
        ("plot model heldout.txt -o picture.svg", "already exists and is not a SVG picture"),
        (
            "train --train-prefix train.txt --vocab-file vocab.txt --save-dir pair",
            "pair: contains ",
        ),
    ],
)
def test_nothing_of_the_users_is_replaced(arguments, message, fails, run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "pair/weights.hdf5")
    run_cli("embed-tokens", "model", "vocab.txt", "k.hdf5")
    run_cli("convert", "model", "directory", "--format", "elmokit")
    (work / "picture.svg").write_text("a b c\n")
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    assert message in fails(*arguments.split())
    assert {path: path.read_bytes() for path in before} == before

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.formats.token_embeddings import read_token_table
from elmokit.loading import load
from elmokit.pretrained import PretrainedModel

pytestmark = pytest.mark.usefixtures("work")

FILES = {
    "elmokit": ["README.md", "checksums.txt", "config.json", "model.safetensors", "vocab.txt"],
    "bilm": ["options.json", "softmax_weights.hdf5", "vocab.txt", "weights.hdf5"],
}
VECTOR_FORMATS = ("token-embeddings", "word2vec", "word2vec-binary")


def convert(run_cli, model: str, dest: str, format_: str, *more: str) -> str:
    result = run_cli("convert", model, dest, "--format", format_, *more)
    assert (result.exit_code, result.err) == (0, "")
    return result.out


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli("convert", *arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("elmokit: ")
    return line.removeprefix("elmokit: ")


def digest(model: str | Path) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in load(model).model.named_parameters()}


def expected_vectors(pretrained: PretrainedModel) -> np.ndarray:
    return ElmoEmbedder(pretrained).encode(pretrained.vocabulary.words).numpy()


def read_word2vec(path: Path, *, binary: bool) -> tuple[list[str], np.ndarray]:
    """Read the format by its description: a header, then a word, a space and its numbers."""
    header, _, body = path.read_bytes().partition(b"\n")
    num_words, dim = map(int, header.split())
    if not binary:
        rows = [line.split(" ") for line in body.decode().splitlines()]
        return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float32)
    words, vectors = [], []
    for _ in range(num_words):
        word, _, body = body.partition(b" ")
        words.append(word.decode())
        vectors.append(np.frombuffer(body[: 4 * dim], "<f4"))
        body = body[4 * dim :]
    assert body == b""
    return words, np.array(vectors)


def test_half_precision(run_cli, work):
    convert(run_cli, "model", "whole", "elmokit")
    convert(run_cli, "model", "half", "elmokit", "--half-precision")
    sizes = [(work / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    assert refusal(run_cli, "model", "out", "--format", "bilm", "--half-precision") == (
        "convert: --half-precision requires --format elmokit: bilm always stores 32 bits "
        "(try `elmokit convert --help`)"
    )


@pytest.mark.parametrize("format_", FILES)
def test_a_model_in_another_format_is_the_same_model(run_cli, work, format_):
    out = convert(run_cli, "model", "out", format_)
    assert (
        out
        == {
            "elmokit": "wrote out\n",
            "bilm": "wrote out/weights.hdf5, out/softmax_weights.hdf5, out/options.json, out/vocab.txt\n",
        }[format_]
    )
    assert sorted(path.name for path in (work / "out").iterdir()) == FILES[format_]
    original, converted = load("model"), load("out")
    assert digest("out") == digest("model")
    assert converted.vocabulary == original.vocabulary
    assert converted.config.model == original.config.model
    for name in ("model", "out"):
        assert run_cli("embed", name, "heldout.txt", f"{name}.hdf5").exit_code == 0
    with h5py.File("model.hdf5") as one, h5py.File("out.hdf5") as other:
        assert all(np.array_equal(one[key][()], other[key][()]) for key in one)
    scores = [run_cli("score", name, "heldout.txt").out for name in ("model", "out")]
    assert scores[0] == scores[1] != ""


def test_round_trips_to_the_bit(run_cli, work):
    for source, dest, format_ in [
        ("model", "a", "elmokit"),
        ("a", "b", "bilm"),
        ("b", "c", "elmokit"),
        ("c", "d", "bilm"),
        ("c", "e", "elmokit"),
    ]:
        convert(run_cli, source, dest, format_)
        assert digest(dest) == digest("model")
    assert (work / "c/model.safetensors").read_bytes() == (work / "a/model.safetensors").read_bytes()
    assert (work / "e/config.json").read_bytes() == (work / "c/config.json").read_bytes()
    assert (work / "d/options.json").read_bytes() == (work / "b/options.json").read_bytes()
    # What the training wrote down stays with our own format.
    assert load("a").facts == load("model").facts


@pytest.mark.parametrize("format_", VECTOR_FORMATS)
def test_vectors_of_the_context_free_layer(run_cli, work, format_):
    pretrained = load("model")
    words = list(pretrained.vocabulary.words)
    assert convert(run_cli, "model", "deep/vectors", format_) == (
        f"deep/vectors: {len(words)} words of width 4\n"
    )
    if format_ == "token-embeddings":
        table = read_token_table(work / "deep/vectors")
        found_words, vectors = list(table), table.vectors.numpy()
    else:
        found_words, vectors = read_word2vec(work / "deep/vectors", binary=format_ == "word2vec-binary")
    assert found_words == words
    assert vectors.tobytes() == expected_vectors(pretrained).tobytes()
    # It is the layer 0 that embedding gives.
    np.testing.assert_array_equal(ElmoEmbedder(pretrained).embed([words[3:5]], 0)[0][:, :4], vectors[3:5])


def test_many_words_are_encoded_in_parts(run_cli, work, monkeypatch):
    convert(run_cli, "model", "whole", "word2vec-binary")
    monkeypatch.setattr("elmokit.embedder.embedder.WORDS_PER_CHUNK", 7)
    convert(run_cli, "model", "parts", "word2vec-binary")
    assert (work / "parts").read_bytes() == (work / "whole").read_bytes()


def test_an_archive_is_converted(run_cli, work):
    convert(run_cli, "model", "own", "elmokit")
    with zipfile.ZipFile("own.zip", "w") as archive:
        for path in (work / "own").iterdir():
            archive.write(path, path.name)
    shutil.rmtree("own")
    convert(run_cli, "own.zip", "out", "bilm")
    assert digest("out") == digest("model")


def test_no_softmax_to_write(run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    out = convert(run_cli, "elmo", "out", "bilm")
    assert out == "wrote out/weights.hdf5, out/options.json, out/vocab.txt\n"
    convert(run_cli, "elmo", "own", "elmokit")
    assert load("own").model.softmax is None


def test_files_from_elsewhere(run_cli, work):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    for name in ("options.json", "vocab.txt"):
        (work / "elmo" / name).rename(work / f"my-{name}")
    more = ("--options-file", "my-options.json")
    message = refusal(run_cli, "elmo", "w.txt", "--format", "word2vec", *more)
    assert message == (
        "elmo/weights.hdf5: no vocabulary, so there are no words to write: "
        "put vocab.txt next to the weights, or give it with --vocab-file"
    )
    convert(run_cli, "elmo", "w.txt", "word2vec", *more, "--vocab-file", "my-vocab.txt")
    assert read_word2vec(work / "w.txt", binary=False)[0] == (work / "my-vocab.txt").read_text().split()
    (work / "elmo/vocab.txt").write_text("the\n")
    message = refusal(run_cli, "elmo", "v.txt", "--format", "word2vec", *more)
    assert message.startswith(
        "elmo/weights.hdf5: no vocabulary, so there are no words to write: "
        "elmo/vocab.txt: no line is <S> or </S> or <UNK>"
    )
    assert not (work / "v.txt").exists()


def test_a_model_directory_is_replaced_and_nothing_else(run_cli, work):
    (work / "out").mkdir()
    for _ in range(2):
        convert(run_cli, "model", "out", "elmokit")
    (work / "out/notes.txt").write_text("mine")
    for dest, expected in [
        ("out", "out: contains other files than a model (notes.txt): choose another directory"),
        ("train.txt", "train.txt already exists and is not a model directory: choose another directory"),
        ("model", "model already exists and is not a model directory: choose another directory"),
        (".", ". already exists and is not a model directory: choose another directory"),
    ]:
        assert refusal(run_cli, "model", dest, "--format", "elmokit") == expected
    assert (work / "out/notes.txt").read_text() == "mine"
    assert digest("out") == digest("model")


def test_a_pair_of_another_model_is_not_overwritten(run_cli, work):
    (work / "out").mkdir()
    (work / "out/options.json").write_text(json.dumps({"lstm": {}}))
    message = refusal(run_cli, "model", "out", "--format", "bilm")
    assert (
        message == "out/options.json: already exists and belongs to another model: choose another directory"
    )
    assert [path.name for path in (work / "out").iterdir()] == ["options.json"]


@pytest.mark.parametrize("format_", [*FILES, *VECTOR_FORMATS])
def test_a_path_that_cannot_be_written(run_cli, work, format_):
    assert "cannot write: " in refusal(run_cli, "model", "train.txt/out", "--format", format_)
    assert not list(work.glob("**/.*partial"))


@pytest.mark.parametrize("format_", VECTOR_FORMATS)
def test_vectors_for_a_directory(run_cli, work, format_):
    assert refusal(run_cli, "model", "model", "--format", format_) == (
        "model: cannot write: is a directory, expected a file name"
    )


def test_wrong_usage(run_cli):
    result = run_cli("convert", "model", "out")
    assert result.exit_code == 2
    assert "elmokit: convert: Missing option '--format'" in result.err
    message = refusal(run_cli, "model", "out", "--format", "gensim")
    assert (
        "'gensim' is not one of 'elmokit', 'bilm', 'token-embeddings', 'word2vec', 'word2vec-binary'"
        in message
    )
    assert "'train.txt' is text, expected a model" in refusal(run_cli, "train.txt", "out", "--format", "bilm")


def test_help(run_cli):
    result = run_cli("convert", "--help")
    assert result.exit_code == 0
    assert "Example:\n    elmokit convert model elmo --format bilm\n" in result.out

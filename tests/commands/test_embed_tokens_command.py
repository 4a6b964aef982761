from __future__ import annotations

import h5py
import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.formats.token_embeddings import read_token_table

pytestmark = pytest.mark.usefixtures("work")


@pytest.fixture
def tokens(run_cli) -> str:
    result = run_cli("embed-tokens", "model", "vocab.txt", "tokens.hdf5")
    assert (result.exit_code, result.err) == (0, "")
    return "tokens.hdf5"


def refusal(run_cli, *arguments: str) -> str:
    result = run_cli(*arguments)
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("elmokit: ")


def vectors(name: str) -> dict[str, np.ndarray]:
    with h5py.File(name) as file:
        return {key: file[key][()] for key in file}


def test_the_vectors_of_a_vocabulary(run_cli, work):
    result = run_cli("embed-tokens", "model", "vocab.txt", "out/tokens.hdf5")
    words = (work / "vocab.txt").read_text(encoding="utf-8").split()
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == f"out/tokens.hdf5: {len(words)} words of width 4\n"
    table = read_token_table(work / "out/tokens.hdf5")
    assert list(table) == words
    embedder = ElmoEmbedder.load("model")
    for word in words:
        np.testing.assert_array_equal(table[word], embedder.encode([word])[0])


def test_any_list_of_words(run_cli, work):
    (work / "words.txt").write_text("unseen\n\n  naïve \nunseen\n<S>\na0", encoding="utf-8")
    result = run_cli("embed_tokens", "model", "words.txt", "t.hdf5", "--device", "cpu")
    assert (result.exit_code, result.out) == (0, "t.hdf5: 4 words of width 4\n")
    table = read_token_table(work / "t.hdf5")
    assert list(table) == ["unseen", "naïve", "<S>", "a0"]
    # <S> is the boundary, not three characters.
    spelled = ElmoEmbedder.load("model").run([[]])[0][0][0, :4]
    np.testing.assert_allclose(table["<S>"], spelled, rtol=0, atol=1e-6)


def test_the_table_does_not_change_the_vectors(run_cli, work, tokens):
    known = (work / "vocab.txt").read_text(encoding="utf-8").split()[3]
    (work / "in.txt").write_text(f"{known} unseen\n\nnaïve {known} zzz\n", encoding="utf-8")
    for name, more in (("spelled.hdf5", []), ("looked-up.hdf5", ["--token-embeddings", tokens])):
        result = run_cli("embed", "model", "in.txt", name, *more)
        assert (result.exit_code, result.err) == (0, "")
    spelled, looked_up = vectors("spelled.hdf5"), vectors("looked-up.hdf5")
    assert spelled.keys() == looked_up.keys() == {"0", "1", "2"}
    for key in spelled:
        np.testing.assert_allclose(looked_up[key], spelled[key], rtol=0, atol=1e-6)


def test_words_of_the_table_are_looked_up_and_others_are_encoded(run_cli, work, tokens):
    with h5py.File(tokens, "r+") as file:
        file["embedding"][...] = 0.25
    known = (work / "vocab.txt").read_text(encoding="utf-8").split()[3]
    (work / "in.txt").write_text(f"{known} unseen\n", encoding="utf-8")
    run_cli("embed", "model", "in.txt", "plain.hdf5", "--layers", "0")
    result = run_cli("embed", "model", "in.txt", "out.hdf5", "--token-embeddings", tokens, "--layers", "0")
    assert result.exit_code == 0
    looked_up, unseen = vectors("out.hdf5")["0"]
    assert (looked_up == 0.25).all()
    np.testing.assert_allclose(unseen, vectors("plain.hdf5")["0"][1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", ["as here", "as published"])
def test_a_file_of_bilm_tf_has_the_words_of_the_vocabulary(run_cli, work, order):
    """Its rows are in the order of the vocabulary file, wherever the special tokens are."""
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    words = (work / "elmo/vocab.txt").read_text(encoding="utf-8").split()
    if order == "as published":
        words = [*words[3:9], "</S>", "<S>", *words[9:], "<UNK>"]
        (work / "elmo/vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    # A little off, so that it shows that they have been looked up.
    rows = ElmoEmbedder.load("elmo").encode(words).numpy() * np.float32(1.0001)
    with h5py.File("tokens.hdf5", "w") as file:
        file["embedding"] = rows
    (work / "in.txt").write_text(f"{words[10]} {words[4]} {words[-3]}\n", encoding="utf-8")
    result = run_cli(
        "embed", "elmo", "in.txt", "out.hdf5", "--token-embeddings", "tokens.hdf5", "--layers", "0"
    )
    assert (result.exit_code, result.err) == (0, "")
    np.testing.assert_array_equal(vectors("out.hdf5")["0"][:, :4], rows[[10, 4, -3]])


def test_a_file_of_bilm_tf_without_a_vocabulary(run_cli, work, tokens):
    run_cli("dump-weights", "--save-dir", "model", "--outfile", "elmo/weights.hdf5")
    (work / "elmo/vocab.txt").unlink()
    with h5py.File(tokens, "r+") as file:
        del file["words"]
    arguments = ["embed", "elmo", "heldout.txt", "out.hdf5", "--token-embeddings", tokens]
    assert refusal(run_cli, *arguments) == (
        "tokens.hdf5: the words of its rows are not known: give the vocabulary it was made with"
    )
    assert run_cli(*arguments, "--vocab-file", "vocab.txt").exit_code == 0


def test_a_table_of_another_model(run_cli, work, tokens):
    with h5py.File(tokens, "r+") as file:
        values = file["embedding"][()]
        del file["embedding"]
        file["embedding"] = np.hstack([values, values])
    message = refusal(run_cli, "embed", "model", "heldout.txt", "out.hdf5", "--token-embeddings", tokens)
    assert "(vectors of width 8, expected 4)" in message
    assert not (work / "out.hdf5").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "words.txt: the file has no words, expected one per line"),
        ("\n \n", "words.txt: the file has no words, expected one per line"),
        ("one\n\ntwo words\n", "words.txt:3: 2 words, expected one per line"),
        ("one\n\xff\n", "words.txt:2: not valid UTF-8"),
    ],
)
def test_invalid_word_lists_are_refused(run_cli, work, content, expected):
    (work / "words.txt").write_bytes(content.encode("latin-1"))
    (work / "out.hdf5").write_text("old")
    assert refusal(run_cli, "embed-tokens", "model", "words.txt", "out.hdf5").startswith(expected)
    assert (work / "out.hdf5").read_text() == "old"


def test_other_mistakes(run_cli, work):
    assert refusal(run_cli, "embed-tokens", "model", "none.txt", "o.hdf5") == (
        f"none.txt (in {work}): no such file, and no file matches it as a glob: check the path"
    )
    assert refusal(run_cli, "embed-tokens", "model", "vocab.txt", "vocab.txt/o").startswith(
        "vocab.txt/o: cannot write: "
    )
    assert "device=abacus: not available here" in refusal(
        run_cli, "embed-tokens", "model", "vocab.txt", "o.hdf5", "--device", "abacus"
    )
    assert refusal(run_cli, "embed", "model", "train.txt", "o.hdf5", "--token-embeddings", "none") == (
        "none: no such file: expected an HDF5 file of token embeddings"
    )
    assert refusal(
        run_cli, "embed", "model", "train.txt", "o.hdf5", "--token-embeddings", "vocab.txt"
    ).startswith("vocab.txt: cannot read the token embeddings: damaged or not an HDF5 file (")
    assert not (work / "o.hdf5").exists()


def test_the_words_are_not_overwritten(run_cli, work):
    before = (work / "vocab.txt").read_bytes()
    assert refusal(run_cli, "embed-tokens", "model", "vocab.txt", "./vocab.txt") == (
        "vocab.txt: this is an input: choose another output"
    )
    assert (work / "vocab.txt").read_bytes() == before


def test_help(run_cli):
    result = run_cli("embed-tokens", "--help")
    assert result.exit_code == 0
    assert "Example:\n    elmokit embed-tokens model vocab.txt tokens.hdf5\n" in result.out

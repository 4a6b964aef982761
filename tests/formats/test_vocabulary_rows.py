"""Vocabularies of trained models with lines that elmokit would not write: rows are lines."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmokit import ElmoEmbedder, LanguageModel, load
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import UnreachableWordsWarning, VocabularyError
from elmokit.formats.token_embeddings import read_token_table, write_token_embeddings
from elmokit.training.warm_start.restart import restart_vocabulary

SENTENCE = ["the", "dog", "我"]
STRANGE = {"duplicate": "the", "no-break space": "10\u00a0000", "blank": ""}


@pytest.fixture(params=STRANGE)
def line(request: pytest.FixtureRequest) -> str:
    """What stands in the vocabulary of a trained model instead of its fifth word."""
    return STRANGE[request.param]


def _replace_line(directory: Path, line: str, row: int = 4) -> None:
    path = directory / "vocab.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[row] = line
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scores(model: LanguageModel) -> list[float]:
    return [score.perplexity for score in model.score([["dog", "naïve"], ["我"]])]


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_model_scores_and_embeds(write, kind, line):
    directory = write(kind)
    expected = _scores(LanguageModel.load(directory))
    vectors = ElmoEmbedder.load(directory).embed([["dog", "naïve"]])[0]
    _replace_line(directory, line)
    with pytest.warns(UnreachableWordsWarning) as caught:
        loaded = load(directory)
    row = 3 if line == "the" else 4
    assert str(caught[0].message) == (
        f"{directory / 'vocab.txt'}: blank, repeated or with white space: row {row} ({line!r}): kept as rows "
        "of the model, but never looked up"
    )
    np.testing.assert_allclose(_scores(LanguageModel(loaded)), expected)
    np.testing.assert_array_equal(ElmoEmbedder(loaded).embed([["dog", "naïve"]])[0], vectors)


def test_the_last_row_of_a_word_is_looked_up(write):
    """As in the original, which trained that row."""
    directory = write("words")
    with h5py.File(directory / "weights.hdf5") as file:
        row = file["embedding"][4]
    _replace_line(directory, "the")
    with pytest.warns(UnreachableWordsWarning, match=r"row 3 \('the'\)"):
        loaded = load(directory)
    np.testing.assert_array_equal(ElmoEmbedder(loaded).encode(["the"])[0], row)


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_what_no_token_matches_is_not_predicted(write, kind):
    directory = write(kind)
    _replace_line(directory, "10\u00a0000")
    with pytest.warns(UnreachableWordsWarning):
        model = LanguageModel.load(directory)
    words = [word for word, _ in model.substitutes(SENTENCE, 1, k=20).combined]
    assert sorted(words) == ["dog", "naïve", "the", "我"]


def test_a_blank_line_at_the_end_is_a_row(write):
    directory = write("words")
    _replace_line(directory, "", 7)
    with pytest.warns(UnreachableWordsWarning, match=r"row 7 \(''\)"):
        assert len(load(directory).vocabulary) == 8


def test_a_model_directory_keeps_the_lines(write, line, tmp_path, assert_same):
    directory = write("words")
    _replace_line(directory, line)
    with pytest.warns(UnreachableWordsWarning):
        loaded = load(directory)
    loaded.save_pretrained(tmp_path / "own")
    with pytest.warns(UnreachableWordsWarning):
        again = load(tmp_path / "own")
    assert_same(loaded, again)
    assert again.vocabulary.unreachable == loaded.vocabulary.unreachable
    assert again.vocabulary.id_of("dog") == loaded.vocabulary.id_of("dog")


def test_words_are_written_once(write, tmp_path, run_cli):
    directory = write()
    _replace_line(directory, "")
    result = run_cli("convert", directory, tmp_path / "words.txt", "--format", "word2vec")
    assert result.exit_code == 0
    assert result.err.startswith("warning: ")
    lines = (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()
    words = [text.split(" ")[0] for text in lines]
    assert words == ["7", "<S>", "</S>", "<UNK>", "the", "dog", "naïve", "我"]


def test_training_on_leaves_the_line_out(write):
    directory = write()
    _replace_line(directory, "10\u00a0000")
    with pytest.warns(UnreachableWordsWarning):
        source = load(directory)
    expected = Vocabulary(["<S>", "</S>", "<UNK>", "the", "dog", "naïve", "我"])
    assert restart_vocabulary(source) == expected
    assert restart_vocabulary(source, directory / "vocab.txt") == expected
    other = directory / "other.txt"
    other.write_text("<S>\n</S>\n<UNK>\nx\nx\n")
    with pytest.raises(VocabularyError, match="'x' already occurs"):
        restart_vocabulary(source, other)


def test_token_embeddings_of_such_a_vocabulary(write, tmp_path, run_cli):
    """A table of bilm-tf has a row for every line."""
    directory = write()
    _replace_line(directory, "the")
    with pytest.warns(UnreachableWordsWarning):
        loaded = load(directory)
    vectors = ElmoEmbedder(loaded).encode(loaded.vocabulary.words).numpy()
    write_token_embeddings(tmp_path / "tokens.hdf5", loaded.vocabulary.words, vectors)
    with h5py.File(tmp_path / "tokens.hdf5", "a") as file:
        del file["words"]
    table = read_token_table(tmp_path / "tokens.hdf5", loaded.vocabulary.words)
    np.testing.assert_array_equal(table["the"], vectors[4])
    (tmp_path / "s.txt").write_text("the dog\n")
    for output, more in (("a.hdf5", []), ("b.hdf5", ["--token-embeddings", tmp_path / "tokens.hdf5"])):
        result = run_cli("embed", directory, tmp_path / "s.txt", tmp_path / output, *more)
        assert result.exit_code == 0, result.err
    with h5py.File(tmp_path / "a.hdf5") as one, h5py.File(tmp_path / "b.hdf5") as other:
        np.testing.assert_array_equal(one["0"], other["0"])


def test_a_plain_vocabulary_does_not_warn(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(pair).vocabulary.unreachable == ()

"""Both forms keep every bit, for gensim and for whoever reads them by the book."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from elmokit.errors import OutputError
from elmokit.formats.word_vectors import write_word2vec

WORDS = ["<S>", "</S>", "<UNK>", "the", "naïve", "我", "1.5", "'", '"quoted"', "\u00ad"]
DIM = 7


def _vectors() -> np.ndarray:
    """Numbers of all sizes, the awkward ones included."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((len(WORDS), DIM)) * 10.0 ** generator.integers(
        -30, 30, (len(WORDS), DIM)
    )
    vectors = vectors.astype(np.float32)
    vectors[0] = [0, -0.0, 1, 0.1, 1 / 3, 16777216, 2**-126]
    vectors[1, :3] = [
        np.finfo(np.float32).max,
        np.finfo(np.float32).tiny,
        -np.finfo(np.float32).smallest_subnormal,
    ]
    return vectors


VECTORS = _vectors()


@pytest.fixture(params=[False, True], ids=["text", "binary"])
def binary(request: pytest.FixtureRequest) -> bool:
    is_binary: bool = request.param
    return is_binary


@pytest.fixture
def path(tmp_path, binary) -> Path:
    chunks = (VECTORS[start : start + 4] for start in range(0, len(WORDS), 4))
    write_word2vec(tmp_path / "vectors", WORDS, chunks, dim=DIM, binary=binary)
    return tmp_path / "vectors"


def test_by_the_book(path, binary):
    content = path.read_bytes()
    header, _, body = content.partition(b"\n")
    assert header == f"{len(WORDS)} {DIM}".encode()
    if binary:
        for word, vector in zip(WORDS, VECTORS, strict=True):
            name, _, body = body.partition(b" ")
            assert name.decode() == word
            assert body[: 4 * DIM] == vector.astype("<f4").tobytes()
            body = body[4 * DIM :]
        assert body == b""
        return
    lines = body.decode().split("\n")
    assert lines.pop() == ""
    for line, word, vector in zip(lines, WORDS, VECTORS, strict=True):
        name, *numbers = line.split(" ")
        assert name == word
        assert np.array([np.float32(number) for number in numbers]).tobytes() == vector.tobytes()


def test_gensim_reads_every_bit(path, binary):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that gensim imports
        models = pytest.importorskip("gensim.models")
    loaded = models.KeyedVectors.load_word2vec_format(str(path), binary=binary)
    assert loaded.index_to_key == WORDS
    assert loaded.vectors.dtype == np.float32
    assert loaded.vectors.tobytes() == VECTORS.tobytes()


def test_other_types_are_written_as_float32(tmp_path):
    write_word2vec(tmp_path / "w", ["a"], [np.array([[0.1, 2.0]])], dim=2, binary=False)
    assert (tmp_path / "w").read_text() == "1 2\na 0.1 2.0\n"


def test_a_fault_on_the_way_leaves_the_old_file(path, binary):
    before = path.read_bytes()

    def broken():
        yield VECTORS[:4]
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError) as error:
        write_word2vec(path, WORDS, broken(), dim=DIM, binary=binary)
    assert str(error.value) == f"{path}: cannot write: No space left on device"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]

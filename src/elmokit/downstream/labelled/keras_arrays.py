"""Reviews as Keras distributes them: ``imdb.npz`` with word ids, and ``imdb_word_index.json``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from elmokit.downstream.labelled.texts import LabelledTexts
from elmokit.errors import MissingTextError, ModelFileError, TextError
from elmokit.files.json_table import read_json_table

Part: TypeAlias = Literal["train", "test"]

WORD_INDEX = "imdb_word_index.json"
_FIRST_WORD_ID = 3  # of Keras: 0 is padding, 1 the start, 2 an unknown word; the index of a word is added
_UNKNOWN = "<UNK>"


def read_keras_arrays(path: Path, part: Part) -> LabelledTexts:
    """Read the reviews of a part.

    Args:
        path: a file with integer arrays ``x_train`` (N, T), padded with zeros, and ``y_train`` (N,), and
            the same for ``test``. The word index is beside it. Lists of different lengths, as in the file
            that Keras downloads, are pickled: they are refused, since unpickling can run any program.
        part: ``train`` or ``test``.

    Raises:
        TextError: if it cannot be read.
    """
    ids, targets = _arrays(path, part)
    words = _words(path.with_name(WORD_INDEX))
    texts = [" ".join(words.get(int(word), _UNKNOWN) for word in row if word > 1) for row in ids]
    is_sentiment = set(np.unique(targets).tolist()) <= {0, 1}
    labels = [(("neg", "pos")[target] if is_sentiment else str(target),) for target in targets.tolist()]
    places = [f"{path}: x_{part}[{row}]" for row in range(len(texts))]
    return LabelledTexts(texts, labels, places, source=str(path), note=f"texts: x_{part}, labels: y_{part}")


def _arrays(path: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
    names = f"x_{part}", f"y_{part}"
    found = []
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            for name in names:
                if name not in file.files:
                    raise TextError(f"{path}: no array {name}: there are {', '.join(file.files)}")
                try:
                    found.append(file[name])
                except ValueError as error:
                    raise _refusal(path, name, error) from None
    except FileNotFoundError:
        raise MissingTextError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TextError(f"{path}: cannot read the arrays: {error}") from None
    ids, targets = found
    for name, array, num_axes in zip(names, found, (2, 1), strict=True):
        if array.ndim != num_axes or array.dtype.kind not in "iub" or len(array) != len(ids):
            raise TextError(
                f"{path}: {name}: expected {len(ids)} integers"
                + (" of each review, padded with zeros" if num_axes == 2 else "")
                + f", got {array.dtype} {array.shape}"
            )
    if not len(ids):
        raise TextError(f"{path}: {names[0]}: no texts")
    return ids, targets.astype(np.int64)


def _refusal(path: Path, name: str, error: ValueError) -> TextError:
    if "pickle" not in str(error):
        return TextError(f"{path}: {name}: damaged: {error}")
    return TextError(
        f"{path}: {name}: its lists are pickled, and unpickling can run any program: load the file with "
        "keras.datasets.imdb.load_data(), pad the lists with keras.utils.pad_sequences(x, padding='post'), "
        "and write them with numpy.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...)"
    )


def _words(path: Path) -> dict[int, str]:
    try:
        index = read_json_table(path)
    except ModelFileError as error:
        raise TextError(f"{error}: expected the word index of Keras beside the arrays") from None
    if not all(isinstance(value, int) for value in index.values()):
        raise TextError(f"{path}: expected the index of each word, as Keras distributes it")
    return {value + _FIRST_WORD_ID: word for word, value in index.items()}

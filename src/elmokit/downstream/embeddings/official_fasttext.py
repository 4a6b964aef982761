"""fastText (Bojanowski et al. 2017) by its authors' own program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from elmokit.data.read import total_bytes
from elmokit.downstream.embeddings.static import StaticEmbedding
from elmokit.downstream.embeddings.subwords import SubwordEmbedding
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.downstream.embeddings.vector_training import TrainingText
from elmokit.errors import ConfigError, MissingExtraError, ModelFileError
from elmokit.files.leftovers import temporary_directory

# The package's own function for this takes no seed.
_PROGRAM = """
import json, sys
import fasttext
module, options = fasttext.FastText, json.loads(sys.argv[1])
arguments = module._build_args({**module.unsupervised_default, **options}, set())
model = module._FastText(args=arguments)
try:
    module.fasttext.train(model.f, arguments)
    model.save_model(sys.argv[2])
except (ValueError, RuntimeError) as error:
    sys.exit(f"error: {error}")
"""

# With one thread, fastText gives random numbers to a tenth of its vectors and leaves to the others what their
# memory held before. glibc then fills memory with the complement of this byte, zero.
_ENVIRONMENT = {"MALLOC_PERTURB_": "255"}


def fasttext_version() -> str:
    """Return the name and version of the program.

    Raises:
        MissingExtraError: if it is not installed.
    """
    from importlib.metadata import packages_distributions, version

    _fasttext()
    return " ".join(f"{name} {version(name)}" for name in sorted(packages_distributions()["fasttext"]))


def train_official_fasttext(name: str, text: TrainingText, settings: VectorSettings) -> StaticEmbedding:
    """Train fastText in a process of its own, whose memory is known at the beginning."""
    _fasttext()
    with temporary_directory() as directory:
        path, model = directory / "text", directory / "model.bin"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(" ".join(sentence) + "\n" for sentence in text)
        training_bytes = settings.epochs * total_bytes(text.files)
        _run(
            _options(path, settings), model, lambda fraction: text.on_bytes(round(fraction * training_bytes))
        )
        return read_official_fasttext(model, name)


def read_official_fasttext(path: Path, name: str) -> StaticEmbedding:
    """Read a ``.bin`` file of fastText.

    Raises:
        ModelFileError: if it cannot be read.
        MissingExtraError: if the program is not installed.
    """
    fasttext = _fasttext()
    try:
        model = fasttext.FastText._FastText(model_path=str(path))  # load_model() prints a warning
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path}: cannot read the fastText model: {error}") from None
    words = model.get_words(on_unicode_error="replace")
    table = np.array([model.get_word_vector(word) for word in words], dtype=np.float32)
    arguments = model.f.getArgs()
    ngrams = np.array(model.get_input_matrix(), dtype=np.float32)[len(words) :]
    if not arguments.maxn or not len(ngrams):
        return StaticEmbedding(name, words, table)
    return SubwordEmbedding(name, words, table, ngrams, min_n=arguments.minn, max_n=arguments.maxn)


def _options(text: Path, settings: VectorSettings) -> dict[str, Any]:
    return {
        "input": str(text),
        "model": "skipgram" if settings.skip_gram else "cbow",
        "dim": settings.dim,
        "ws": settings.window,
        "minCount": settings.min_count,
        "epoch": settings.epochs,
        "lr": settings.learning_rate,
        "neg": settings.negative,
        "t": settings.sample,
        "minn": settings.min_n,
        "maxn": settings.max_n,
        "bucket": settings.num_buckets,
        "seed": settings.seed,
        "thread": 1,  # several write to the same vectors in another order each time
        "label": " ",  # the prefix of words that are left out: none has it
    }


def _run(options: dict[str, Any], model: Path, on_progress: Callable[[float], object]) -> None:
    """Run the training program.

    Args:
        options: of fastText.
        model: where the program writes the model.
        on_progress: called with the fraction of the training that was done since the last call.
    """
    done, said = 0.0, ""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(options), str(model)],
        env={**os.environ, **_ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stderr is not None
        try:
            while piece := process.stderr.read(80):
                said = said[-500:] + piece
                if shown := re.findall(r"Progress:\s*([\d.]+)%", said):
                    fraction = min(float(shown[-1]) / 100, 1.0)
                    on_progress(max(fraction - done, 0.0))
                    done = max(done, fraction)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        reason = said.rpartition("error: ")[2].strip()
        raise ConfigError(f"embedding text: fastText cannot be trained on it: {reason}")
    on_progress(1.0 - done)


def _fasttext() -> Any:
    try:
        import fasttext
    except ImportError:
        raise MissingExtraError("running fastText's own program", "fasttext") from None
    return fasttext

"""The speed of the packages that elmokit is compared with, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from embed_speed import random_model
from train_speed import TASKS, TEXT, vocabulary_of

from elmokit import Config, Vocabulary
from elmokit.data.read import read_sentences
from elmokit.formats.bilm_hdf5 import write_weights
from elmokit.kernels.precisions import PRECISIONS

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / ".venv-simple-elmo"  # `make peers`; its TensorFlow runs bilm-tf as well


def simple_elmo(name: str, sentences: list[list[str]], figures: Mapping[str, float]) -> dict[str, float]:
    """Print a row for simple_elmo with the same weights, and return its figures; nothing without it."""
    if not (ENVIRONMENT / ".ready").is_file():
        return {}
    config = Config.load(name)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_weights(folder / "weights.hdf5", config.model, dict(random_model(config).named_parameters()))
        (folder / "options.json").write_text(json.dumps(config.to_bilm_options()), encoding="utf-8")
        words = sorted({word for sentence in sentences for word in sentence})
        Vocabulary(["<S>", "</S>", "<UNK>", *words]).save(folder / "vocab.txt")
        (folder / "sentences.json").write_text(json.dumps(sentences), encoding="utf-8")
        speed = _run("run_simple_elmo.py", folder)
    return _row("embed", name, "simple_elmo", speed, figures, " cold")


def bilm_tf(name: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Print a row for bilm-tf on the same text, and return its figures; nothing without its source."""
    source = os.environ.get("BILM_TF")
    if not source or not (ENVIRONMENT / ".ready").is_file():
        return {}
    config = Config.load(name, ["recipe=bilm", *TASKS[name].settings])
    vocabulary = vocabulary_of(name)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with (folder / "train.txt").open("w", encoding="utf-8") as file:
            file.writelines(" ".join(sentence) + "\n" for sentence in read_sentences(str(TEXT)))
        vocabulary.save(folder / "vocab.txt")
        options = config.to_bilm_options(num_words=len(vocabulary))
        (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")
        speed = _run("run_bilm_tf.py", folder, source)
    return _row("train", name, "bilm-tf", speed, figures)


def _run(script: str, *arguments: object) -> float:
    """Run a script of ``peer_scripts`` and return the last number that it prints, tokens per second."""
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", "-I", HERE / "peer_scripts" / script, *map(str, arguments)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def _row(
    task: str, name: str, peer: str, speed: float, figures: Mapping[str, float], run: str = ""
) -> dict[str, float]:
    found = {f"{task} {name} {peer} tokens/s": speed}
    texts = []
    for precision in PRECISIONS:
        if ours := figures.get(f"{task} {name} {precision}{run} tokens/s"):
            found[f"{task} {name} {precision}{run}/{peer} x"] = ours / speed
            texts.append(f"{precision} is {ours / speed:.1f} times as fast")
    print(f"{name:<9} {peer:<18} {speed:>8,.0f} tokens/s: elmokit in {', '.join(texts)}", flush=True)
    return found

"""Print how many tokens per second bilm-tf trains on; run by an interpreter that has TensorFlow 2.

    run_bilm_tf.py DIRECTORY SOURCE

The directory has options.json, train.txt and vocab.txt; SOURCE is a checkout of bilm-tf. Its import of
TensorFlow is answered by the interface of version 1. It prints the time of every step, of which the first are
not counted.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import tensorflow as tf

NUM_WARM_UP, MIN_STEPS, MIN_TOKENS = 4, 10, 40_000


def main() -> None:
    directory, source = Path(sys.argv[1]), sys.argv[2]
    tf.compat.v1.disable_v2_behavior()
    sys.modules["tensorflow"] = tf.compat.v1
    sys.path.insert(0, source)
    from bilm.data import BidirectionalLMDataset
    from bilm.training import load_vocab, train

    options = json.loads((directory / "options.json").read_text(encoding="utf-8"))
    num_tokens = options["batch_size"] * options["unroll_steps"]
    num_steps = NUM_WARM_UP + max(MIN_STEPS, MIN_TOKENS // num_tokens)
    options |= {"n_epochs": 1, "n_train_tokens": num_steps * num_tokens, "all_clip_norm_val": 10.0}
    options["char_cnn"]["n_characters"] = 261  # of training; 262 in the files of models
    vocabulary = load_vocab(str(directory / "vocab.txt"), 50)
    data = BidirectionalLMDataset(str(directory / "train.txt"), vocabulary, test=False, shuffle_on_load=True)
    times: list[float] = []
    run = tf.compat.v1.Session.run

    def timed(*arguments: object, **options: object) -> object:
        result = run(*arguments, **options)
        times.append(time.perf_counter())
        return result

    tf.compat.v1.Session.run = timed
    with tempfile.TemporaryDirectory() as save_dir, redirect_stdout(io.StringIO()):
        train(options, data, 1, save_dir, save_dir)
    steps = sorted(after - before for before, after in pairwise(times[NUM_WARM_UP - num_steps :]))
    print(num_tokens / steps[len(steps) // 2])


if __name__ == "__main__":
    main()

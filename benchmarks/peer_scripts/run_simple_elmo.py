"""Print how many tokens per second simple_elmo embeds; run by the interpreter of its own environment.

    run_simple_elmo.py MODEL_DIRECTORY

The directory has sentences.json besides the model. The session is reused, and the first call is not counted.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import tensorflow as tf
from simple_elmo import ElmoModel

NUM_RUNS = 3


def main() -> None:
    logging.disable(logging.INFO)
    directory = Path(sys.argv[1])
    sentences = json.loads((directory / "sentences.json").read_text(encoding="utf-8"))
    tf.compat.v1.reset_default_graph()
    model = ElmoModel()
    model.load(str(directory), max_batch_size=32)
    model.get_elmo_vectors(sentences[:32], layers="top")  # builds the graph
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())  # with the model's weights
        model.get_elmo_vectors(sentences[:32], layers="top", session=session)
        durations = []
        for _ in range(NUM_RUNS):
            started = time.perf_counter()
            model.get_elmo_vectors(sentences, warmup=False, layers="top", session=session)
            durations.append(time.perf_counter() - started)
    print(sum(map(len, sentences)) / sorted(durations)[NUM_RUNS // 2])


if __name__ == "__main__":
    main()

"""Record the vectors of simple-elmo; run by the interpreter of its own environment.

    run_simple_elmo.py SENTENCES.json MODEL_DIRECTORY...

Beside each model's weights appears ``simple_elmo.npz``, with the arrays as simple-elmo returns them:

- ``all``, ``average``, ``top``: one batch that starts from zero LSTM states, (B, L, T, D) or (B, T, D);
- ``carried``: all layers in batches of two sentences, after its warm-up; states go from batch to batch.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from simple_elmo import ElmoModel

BATCH_SIZE = 2


def main() -> None:
    logging.disable(logging.INFO)
    sentences = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for directory in map(Path, sys.argv[2:]):
        tf.compat.v1.reset_default_graph()  # simple-elmo cannot load two models into one graph
        model = ElmoModel()
        model.load(str(directory), max_batch_size=len(sentences))
        # Each call initializes all variables anew, the states among them.
        arrays = {
            layers: model.get_elmo_vectors(sentences, warmup=False, layers=layers)
            for layers in ("all", "average", "top")
        }
        model.batch_size = BATCH_SIZE
        arrays["carried"] = model.get_elmo_vectors(sentences, layers="all")
        np.savez(directory / "simple_elmo.npz", **arrays)


if __name__ == "__main__":
    main()

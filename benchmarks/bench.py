"""All speeds in one table, as ratios to baselines measured in the same run.

    python benchmarks/bench.py [--configs tiny small] [--store]

Embedding and training are compared with the same model written straight down (``plain_bilm.py``), in each
precision that the processor has; embedding also with simple_elmo, and training with bilm-tf, where their
environment is there: `make peers`, and BILM_TF=PATH for the source of bilm-tf. For a busy machine see
``busy.py``.

With --store, the figures go to ``benchmarks/results``, with the commit; a ratio that is more than a tenth
below the last one stored on such a machine is named.
"""

from __future__ import annotations

import argparse
import itertools

import embed_speed
import peers
import train_speed
from machine import peaks
from results import new_result, regressions, store, stored_results

from elmokit.data.read import read_sentences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("--sentences", type=int, default=128, help="number of sentences to embed")
    parser.add_argument("--store", action="store_true", help="keep the figures in benchmarks/results")
    arguments = parser.parse_args()
    flops = peaks()
    figures: dict[str, float] = {}
    sentences = list(itertools.islice(read_sentences(str(embed_speed.TEXT)), arguments.sentences))
    embed_speed.print_header(sentences, 32)
    for name in arguments.configs:
        figures |= embed_speed.measure(name, sentences, 32, flops)
        figures |= peers.simple_elmo(name, sentences, figures)
    train_speed.print_header()
    for name in arguments.configs:
        figures |= train_speed.measure(name, flops)
        figures |= peers.bilm_tf(name, figures)
    result, earlier = new_result(figures), stored_results()
    for line in regressions(result, earlier):
        print(f"slower: {line}")
    if arguments.store:
        print(f"stored as {store(result)}")


if __name__ == "__main__":
    main()

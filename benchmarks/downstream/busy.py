"""What training a tagger or a classifier costs with one thread and two, alone and beside busy processes.

    python benchmarks/downstream/busy.py [--sentences 1000] [--epochs 2]

Prints for each kind of model the seconds of training, the processor time of the same, and a digest of what
was learned, which is the same for any number of threads. The vectors are those of `tiny-en`, or a random one
for each word; the texts are the product reviews of examples/data/sentiment, and a word's tag is its last
letter.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from elmokit import SequenceTagger, TextClassifier
from elmokit.downstream.classification.settings import ClassifierSettings
from elmokit.downstream.embeddings.choice import embeddings_of
from elmokit.downstream.embeddings.hashed import RandomEmbedding
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.fit_settings import FitSettings
from elmokit.downstream.labelled.read import read_labelled
from elmokit.downstream.progress import Bar, no_progress
from elmokit.downstream.tagging.settings import TaggerSettings

DATA = Path(__file__).parents[2] / "examples" / "data" / "sentiment"
KINDS = ("tagger, static", "tagger, ELMo", "pooled, static", "pooled, ELMo", "bilstm, ELMo")
BUSY = "while True: sum(range(10000))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, threads = arguments.measure
        torch.set_num_threads(int(threads))
        print(_measured(kind, arguments.sentences, arguments.epochs))
        return
    print(f"{'model':15} threads  busy  seconds  processor  digest")
    for num_busy in (0, 2):
        others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(num_busy)]
        try:
            for kind in KINDS:
                for threads in (1, 2):
                    command = [sys.executable, __file__, "--measure", kind, str(threads)]
                    command += ["--sentences", str(arguments.sentences), "--epochs", str(arguments.epochs)]
                    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                    print(f"{kind:15} {threads:7}  {num_busy:4}  {found.strip()}", flush=True)
        finally:
            for process in others:
                process.kill()
                process.wait()


class _Clock:
    """Measures the part of the work that is called training."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    @contextmanager
    def __call__(self, description: str, total: float | None, unit: str) -> Iterator[Bar]:
        before, processor_before = time.perf_counter(), time.process_time()
        with no_progress(description, total, unit) as bar:
            yield bar
        if description == "training":
            self.seconds = time.perf_counter() - before
            self.processor = time.process_time() - processor_before


def _measured(kind: str, num_sentences: int, epochs: int) -> str:
    name, vectors = kind.split(", ")
    embeddings: tuple[TokenEmbedding, ...] = (
        embeddings_of("elmo:tiny-en") if vectors == "ELMo" else (RandomEmbedding(dim=256),)
    )
    texts, labels, dev, dev_labels = [], [], [], []
    for path, own, found, size in (("train", texts, labels, num_sentences), ("dev", dev, dev_labels, 100)):
        data = read_labelled(str(DATA / f"{path}.tsv"))
        own += [str(text).split() for text in data.texts[:size]]
        found += [label for (label,) in data.labels[:size]]
    fit, clock = FitSettings(max_epochs=epochs), _Clock()
    if name == "tagger":
        tags, dev_tags = ([[word[-1] for word in words] for words in own] for own in (texts, dev))
        settings = TaggerSettings(**fit.model_dump(), hidden_dim=64)
        with tempfile.TemporaryDirectory() as directory:
            network = SequenceTagger.train(
                texts,
                tags,
                dev,
                dev_tags,
                embedding=embeddings,
                settings=settings,
                progress=clock,
                cache_dir=Path(directory),
            ).network
    else:
        settings = ClassifierSettings(encoder=name, fit=fit)
        classifier = TextClassifier(embeddings, settings=settings, progress=clock)
        network = classifier.fit(texts, labels, (dev, dev_labels)).fitted.network
    digest = hashlib.blake2b(digest_size=4)
    for tensor in network.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return f"{clock.seconds:7.2f}  {clock.processor:9.2f}  {digest.hexdigest()}"


if __name__ == "__main__":
    main()

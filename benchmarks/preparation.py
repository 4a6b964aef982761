"""Speed and memory of preparing text, and of writing vectors.

    python benchmarks/preparation.py [--tokens 1e6 4e6 16e6] [--num-processes 1 2]
                                     [--steps vocabulary prepare] [--json FILE]

The text is generated: words drawn by Zipf's law from a list that grows with the text (Heaps' law), as in real
text, in sentences of 5 to 45 tokens. Each step runs in a process of its own, whose peak of memory is reported
with that of the largest of its workers, and with the size of what it has written. Pages of files that are
mapped into memory do not count, since the system takes them back when it needs them. Processor time includes
the workers'; on a busy machine, compare that.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

CHUNK = 500_000  # tokens generated at a time
EXPONENT = 1.05
NUM_LINES = 100_000  # of the files of vectors
LINE_TOKENS, DIM = 4, 64
STEPS = ("vocabulary", "prepare", "shard", "stream", "vectors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", nargs="+", type=float, default=[1e6, 4e6, 16e6])
    parser.add_argument("--num-processes", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--json", type=Path, help="File to append the figures to, a line each.")
    arguments = parser.parse_args()
    print(f"{'step':<24} {'number':>12} {'processes':>9} {'per s':>12} ", end="")
    print(f"{'per CPU s':>12} {'memory':>8} {'disk':>9}")
    for name, number, num_processes, step in steps(arguments):
        figures = {"step": name, "number": number, "num_processes": num_processes, **measured(step)}
        print(
            f"{name:<24} {number:>12,} {num_processes:>9} {number / figures['seconds']:>12,.0f} "
            f"{number / figures['cpu_seconds']:>12,.0f} {figures['megabytes']:>5,.0f} MB "
            f"{figures['disk_megabytes']:>6,.0f} MB",
            flush=True,
        )
        if arguments.json:
            with arguments.json.open("a") as file:
                file.write(json.dumps(figures) + "\n")


def steps(arguments: argparse.Namespace) -> Iterator[tuple[str, int, int, Callable[[], int]]]:
    with tempfile.TemporaryDirectory(prefix="elmokit-") as name:
        directory = Path(name)
        for num_tokens in map(int, arguments.tokens):
            text = directory / f"{num_tokens}.txt"
            generate(text, num_tokens)
            print(f"{'text':<24} {num_tokens:>12,} {text.stat().st_size / 1e6:>51,.0f} MB", flush=True)
            for num_processes in arguments.num_processes:
                for step in (vocabulary, prepare, shard):
                    if step.__name__ in arguments.steps:
                        yield step.__name__, num_tokens, num_processes, Step(step, text, num_processes)
            if "stream" in arguments.steps:
                yield "batch stream", num_tokens, 1, Step(stream, text, 1)
            shutil.rmtree(cache_of(text), ignore_errors=True)
            text.unlink()
            text.with_suffix(".vocabulary").unlink(missing_ok=True)
        for step in (write_hdf5, write_float32, write_int8) if "vectors" in arguments.steps else ():
            yield f"{step.__name__} (lines)", NUM_LINES, 1, Step(step, directory, 1)


class Step:
    """A call that another process can make."""

    def __init__(self, function: Callable[[Path, int], int], path: Path, num_processes: int) -> None:
        self.function, self.path, self.num_processes = function, path, num_processes

    def __call__(self) -> int:
        return self.function(self.path, self.num_processes)


def measured(step: Callable[[], int]) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(step, sender))
    process.start()
    sender.close()  # so that the end of the process is noticed
    figures: dict[str, float] = receiver.recv()
    process.join()
    return figures


def run(step: Callable[[], int], sender: multiprocessing.connection.Connection) -> None:
    global started
    started = (time.perf_counter(), time.process_time())
    peak = Peak()
    num_bytes = step()
    seconds, own = time.perf_counter() - started[0], time.process_time() - started[1]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = own + workers.ru_utime + workers.ru_stime
    megabytes = (peak.kilobytes() + workers.ru_maxrss) / 1024
    sender.send(
        {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "megabytes": megabytes,
            "disk_megabytes": num_bytes / 1e6,
        }
    )


class Peak:
    """The peak of this process's memory since now."""

    def __init__(self) -> None:
        self._peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._peak = self.kilobytes()
            time.sleep(0.05)

    def kilobytes(self) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        (now,) = (int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
        return max(self._peak, now)


started = (0.0, 0.0)


def start_clock() -> None:
    """What came before was not to be measured."""
    global started
    started = (time.perf_counter(), time.process_time())


def generate(path: Path, num_tokens: int) -> None:
    rng = np.random.default_rng(0)
    num_words = int(60 * num_tokens**0.55)
    letters = np.array(list("etaoinshrdlcumwfgypbvk"))
    words = [
        "".join(letters[rng.integers(0, len(letters), size=rng.integers(2, 10))]) for _ in range(num_words)
    ]
    spellings = np.array(words)
    shares = np.cumsum(1 / np.arange(1, num_words + 1) ** EXPONENT)
    with path.open("w") as file:
        for start in range(0, num_tokens, CHUNK):
            count = min(CHUNK, num_tokens - start)
            tokens = spellings[np.searchsorted(shares, rng.random(count) * shares[-1])].tolist()
            position = 0
            while position < count:
                length = int(rng.integers(5, 46))
                file.write(" ".join(tokens[position : position + length]) + "\n")
                position += length


def vocabulary(text: Path, num_processes: int) -> int:
    """Count the words and write the list of them."""
    from elmokit.data.vocabulary import Vocabulary
    from elmokit.data.word_counts import count_words

    start_clock()
    counts = count_words([text], num_processes=num_processes).counts
    path = text.with_suffix(".vocabulary")
    Vocabulary.from_counts(counts, min_count=3).save(path)
    return size(path)


def cache_of(text: Path) -> Path:
    return text.with_suffix(".cache")


def prepare(text: Path, num_processes: int) -> int:
    """Prepare the text, and leave it to the batch stream."""
    from elmokit.data.prepare import prepare_corpus

    shutil.rmtree(cache_of(text), ignore_errors=True)
    start_clock()
    prepare_corpus(text, cache_dir=cache_of(text), num_processes=num_processes)
    return size(cache_of(text))


def shard(text: Path, num_processes: int) -> int:
    from elmokit.data.sharding import write_shards

    shards = text.with_suffix(".shards")
    start_clock()
    write_shards([text], shards, num_processes=num_processes)
    num_bytes = size(shards)
    shutil.rmtree(shards)
    return num_bytes


def size(path: Path) -> int:
    """The bytes of a file, or of those in a directory."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def stream(text: Path, num_processes: int) -> int:
    """Read an epoch in batches of 128 rows of 20 steps, both directions; each token counts once."""
    from elmokit.data.indexed_corpus import IndexedCorpus
    from elmokit.data.prepare import prepare_corpus
    from elmokit.data.training_stream import TrainingStream
    from elmokit.data.vocabulary import Vocabulary

    if not text.with_suffix(".vocabulary").exists():
        vocabulary(text, num_processes)
    corpus = prepare_corpus(text, cache_dir=cache_of(text))
    words = Vocabulary.load(text.with_suffix(".vocabulary"))
    start_clock()
    indexed = IndexedCorpus(corpus, words, max_characters=50)
    batches = TrainingStream(
        indexed,
        batch_size=128,
        unroll_steps=20,
        bidirectional=True,
        shuffle=True,
        keep_blank_lines=False,
        seed=0,
    )
    for _, _batch in zip(range(corpus.num_tokens // (128 * 20)), batches, strict=False):
        pass
    return 0


def rows() -> list[tuple[int, list[str], np.ndarray]]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(NUM_LINES, LINE_TOKENS, DIM)).astype(np.float32)
    return [(k, ["a", "short", "line", "."], vectors[k]) for k in range(NUM_LINES)]


def write_hdf5(directory: Path, num_processes: int) -> int:
    from elmokit.formats.sentence_vectors import write_sentence_vectors

    made = rows()
    start_clock()
    write_sentence_vectors(directory / "v.hdf5", ((str(number), vectors) for number, _, vectors in made))
    return size(directory / "v.hdf5")


def write_float32(directory: Path, num_processes: int) -> int:
    return write_parquet(directory, "float32")


def write_int8(directory: Path, num_processes: int) -> int:
    return write_parquet(directory, "int8")


def write_parquet(directory: Path, dtype: str) -> int:
    from elmokit.formats.parquet_part import VectorLayout, require_pyarrow
    from elmokit.formats.parquet_vectors import write_parquet_vectors

    require_pyarrow("this benchmark")
    made = rows()
    start_clock()
    write_parquet_vectors(directory / "v.parquet", made, VectorLayout("top", 1, DIM, dtype, "none"))
    return size(directory / "v.parquet")


if __name__ == "__main__":
    main()

"""Memory is bounded: it depends neither on the size of the corpus nor on the length of the run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20
GIVEN_MIB = 16  # beyond what Python, PyTorch and a first small run take
WORDS = [f"w{k}" for k in range(3000)]

# Runs in a process of its own: first a small run, so that everything is imported, then the limit.
PROGRAM = """
import resource, sys, tempfile
from pathlib import Path
import torch
import elmokit
torch.set_num_threads(1)
text, given_mib, num_steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
overrides = ["num_negatives=0", "embedding_dim=4", "filters=[[1, 8], [2, 8]]"]
overrides += ["cell_dim=16", "projection_dim=8"]
vocabulary = elmokit.Vocabulary.load("vocab.txt")

def memory(kind):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) * 1024

def train(text, num_steps, save_dir):
    config = elmokit.Config.load("tiny", [*overrides, f"max_steps={num_steps}"])
    corpus = elmokit.prepare_corpus([text], cache_dir=Path("cache"))
    trainer = elmokit.Trainer(config, corpus, vocabulary, save_dir=save_dir)
    for progress in trainer.run():
        pass
    return corpus.num_tokens

scratch = Path(tempfile.mkdtemp(dir="."))
train("small.txt", 10, scratch / "first")
before = memory("RssAnon")
if given_mib:
    limit = memory("VmData") + given_mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
num_tokens = train(text, num_steps, scratch / "second")
print(num_tokens, memory("RssAnon") - before)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from /proc"),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A small text, and one that is several times larger than the memory to be given."""
    directory = tmp_path_factory.mktemp("memory")
    rng = random.Random(0)
    block = "".join(" ".join(rng.choices(WORDS, k=20)) + "\n" for _ in range(2000))
    (directory / "small.txt").write_text(block)
    with (directory / "large.txt").open("w") as file:
        for _ in range(300):
            file.write(block)
    (directory / "vocab.txt").write_text("\n".join(["<S>", "</S>", "<UNK>", *WORDS]) + "\n")
    return directory


def run(work: Path, text: str, given_mib: int, num_steps: int) -> tuple[int, int]:
    """Tokens of a text, and bytes that working with it took beyond the small run."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, text, str(given_mib), str(num_steps)],
        cwd=work,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    num_tokens, num_bytes = map(int, done.stdout.split())
    return num_tokens, num_bytes


def test_a_corpus_larger_than_the_memory(work):
    text_bytes = (work / "large.txt").stat().st_size
    num_tokens, num_bytes = run(work, "large.txt", GIVEN_MIB, 20)
    assert num_tokens == 12_000_000
    assert text_bytes > 3.5 * GIVEN_MIB * MEBIBYTE
    assert 4 * num_tokens > 2.5 * GIVEN_MIB * MEBIBYTE  # as it is prepared
    assert num_bytes < GIVEN_MIB * MEBIBYTE


def test_a_longer_run_takes_no_more(work):
    """A leak shows every time; how much freed memory the allocator keeps is chance."""
    for _ in range(3):
        short, long = (run(work, "small.txt", 0, num_steps)[1] for num_steps in (20, 200))
        if long - short < 4 * MEBIBYTE:
            break
    assert long - short < 4 * MEBIBYTE

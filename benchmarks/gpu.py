"""What a CUDA device makes of elmokit: first whether it is right, then how fast it is.

    python benchmarks/gpu.py [--json FILE] [--parts NAME ...]
    python benchmarks/gpu.py --device cpu --small

The speeds are those of the geometry of 2018 (cell 4096, projection 512) on text whose words are distributed
as in English: training with 793,471 words and 8,192 negatives, encoder, optimizer, data and logging included;
losses over a whole vocabulary; embedding from text to float16 arrays. Beside each stands what PyTorch's
operations make of it in the same run (``plain``), and the time of its matrix products at the rate of a large
one (``floor``). A part that fails is reported, and the others go on.

``--device cpu --small`` runs everything with tiny sizes, to see that it runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import encoder_flops_per_type, lstm_flops_per_token

import elmokit
from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.formats.checkpoint import read_checkpoint
from elmokit.kernels.cuda import availability
from elmokit.kernels.library import is_available
from elmokit.model.bilm import BiLM, BiLMOutput
from elmokit.model.softmax import Softmax, draw_candidates
from elmokit.pretrained import PretrainedModel
from elmokit.training.distributed import Ranks


class Scale(NamedTuple):
    """The sizes of the measurements."""

    geometry: str
    num_words: int
    num_negatives: int
    rows: tuple[int, ...]
    full_words: int
    """Of the vocabulary over which the full softmax is measured."""
    num_positions: int
    """Of these measurements."""
    num_tokens: int
    """Of the text."""
    num_embedded: int
    """Sentences that are embedded."""
    min_seconds: float
    """That a measurement takes at least."""


FULL = Scale("original", 793_471, 8_192, (2_048, 128), 50_000, 40_960, 2_000_000, 8_192, 3.0)
SMALL = Scale("tiny", 500, 50, (8, 4), 200, 64, 3_000, 24, 0.01)
NUM_STEPS = 20


class Bench:
    """One run: the device, the sizes, and what has been found.

    Args:
        device: to measure.
        scale: the sizes.
        directory: for text and runs.
    """

    def __init__(self, device: torch.device, scale: Scale, directory: Path) -> None:
        self.device, self.scale, self.directory = device, scale, directory
        self.figures: dict[str, Any] = {}
        self.precisions = ["float32"]
        if device.type == "cuda" or is_available("bf16"):
            self.precisions.append("bf16")
        self._peaks: dict[str, float] = {}
        self._text: tuple[Corpus, Vocabulary, list[str]] | None = None

    def note(self, name: str, value: Any) -> None:
        """Print a figure and keep it."""
        self.figures[name] = value
        shown = f"{value:,.4g}" if isinstance(value, float) else value
        print(f"{name}: {shown}", flush=True)

    def wait(self) -> None:
        """Wait until the device has done everything."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, function: Callable[[], object]) -> float:
        """Return the mean duration of repeated calls, the device's work included, after a warm-up."""
        for _ in range(2):
            function()
        self.wait()
        started, number = time.perf_counter(), 0
        while number < 3 or time.perf_counter() - started < self.scale.min_seconds:
            function()
            number += 1
            if number % 3 == 0:
                self.wait()
        self.wait()
        return (time.perf_counter() - started) / number

    def peak(self, precision: str) -> float:
        """Return the operations per second of a large product."""
        if precision not in self._peaks:
            size = 8192 if self.device.type == "cuda" else 256
            kind = torch.bfloat16 if precision == "bf16" and self.device.type == "cuda" else torch.float32
            a, b = (torch.randn(size, size, device=self.device, dtype=kind) for _ in range(2))
            self._peaks[precision] = 2 * size**3 / self.seconds(lambda: a @ b)
            self.note(f"peak {precision} TFLOP/s", self._peaks[precision] / 1e12)
        return self._peaks[precision]

    @contextmanager
    def plain(self) -> Iterator[None]:
        """Compute with PyTorch's operations alone inside the ``with`` block."""
        before, availability.DEVICE_TYPES = availability.DEVICE_TYPES, frozenset()
        try:
            yield
        finally:
            availability.DEVICE_TYPES = before

    def text(self) -> tuple[Corpus, Vocabulary, list[str]]:
        """Return a text whose words follow Zipf's law, its vocabulary, and its lines."""
        if self._text is None:
            scale, generator = self.scale, np.random.default_rng(0)
            weights = 1.0 / np.arange(3, scale.num_words) ** 1.05
            ids = generator.choice(len(weights), size=scale.num_tokens, p=weights / weights.sum())
            letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
            words = [
                "".join(letters[(k // 26**place) % 26] for place in range(1 + len(np.base_repr(k, 26))))
                for k in range(len(weights))
            ]
            lengths = np.clip(generator.poisson(24, size=scale.num_tokens // 20), 1, None)
            ends = np.cumsum(lengths)
            lines = [
                " ".join(words[k] for k in part) for part in np.split(ids, ends[ends < scale.num_tokens])
            ]
            path = self.directory / "text.txt"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", *words])
            corpus = elmokit.prepare_corpus([str(path)], cache_dir=self.directory / "cache")
            self._text = corpus, vocabulary, lines
        return self._text

    def trainer(self, name: str, *overrides: str, ranks: Ranks | None = None) -> elmokit.Trainer:
        """Return a trainer on the text."""
        corpus, vocabulary, _ = self.text()
        config = Config.load(
            self.scale.geometry,
            ["max_steps=1000", f"device={self.device}", f"unroll_steps={NUM_STEPS}", *overrides],
        )
        return elmokit.Trainer(config, corpus, vocabulary, save_dir=self.directory / name, ranks=ranks)


def correctness(bench: Bench) -> None:
    """Vectors, losses, gradients and resume are those of the CPU."""
    model = elmokit.load("tiny-en")
    sentences = ["Child is playing the guitar", "", "Brazil is a strong team", "play"] * 5
    expected = elmokit.ElmoEmbedder(model, device="cpu").embed(sentences)
    for precision in bench.precisions:
        found = elmokit.ElmoEmbedder(model, device=str(bench.device), precision=precision).embed(sentences)
        pairs = [(a, b) for a, b in zip(found, expected, strict=True) if a.size]
        difference = max(float(np.abs(a - b).max()) for a, b in pairs)
        cosine = min(
            float(((a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)).min())
            for a, b in pairs
        )
        bench.note(f"vectors {precision}: largest difference", difference)
        bench.note(f"vectors {precision}: least cosine", cosine)
        assert precision != "float32" or difference < 1e-4

    for num_negatives in (0, 50):
        results = {}
        for name, device, precision in (
            ("cpu", "cpu", "float32"),
            *((precision, str(bench.device), precision) for precision in bench.precisions),
        ):
            trainer = elmokit.Trainer(
                Config.load(
                    "tiny",
                    [
                        "batch_size=8", "unroll_steps=6", "dropout=0", "max_steps=20", f"device={device}",
                        f"num_negatives={num_negatives}", f"precision={precision}",
                    ],
                ),
                *_small_text(bench),
                save_dir=bench.directory / f"correct-{name}-{num_negatives}",
            )  # fmt: skip
            batches = iter(trainer.stream)
            output = trainer.train_step(next(batches))
            first = {k: p.grad.to_dense().cpu() for k, p in trainer.model.named_parameters()}
            losses = [_loss(output)]
            for _ in range(7):
                output = trainer.train_step(next(batches))
                losses.append(_loss(output))
            results[name] = losses, first
        for precision in bench.precisions:
            losses, first = results[precision]
            expected_losses, expected_first = results["cpu"]
            error = max(abs(a / b - 1) for a, b in zip(losses, expected_losses, strict=True))
            # Absolute, as a share of the norm: one relu or maximum may fall the other way.
            worst = max(
                float((first[k] - expected_first[k]).norm() / (expected_first[k].norm() + 1e-12))
                for k in first
            )
            bench.note(f"training {precision}, {num_negatives} negatives: loss of 8 steps, error", error)
            bench.note(f"training {precision}, {num_negatives} negatives: gradients, worst error", worst)
            assert precision != "float32" or (error < 1e-4 and worst < 1e-2)


def _loss(output: BiLMOutput) -> float:
    return float(sum(part.total_loss.detach() for part in output.directions if part.total_loss is not None))


def resume(bench: Bench) -> None:
    """A run that was interrupted ends like one that was not, up to the order of additions."""
    curves = []
    for name in ("straight", "stopped"):
        trainer = _resumable(bench, name)
        curve = []
        for progress in trainer.run():
            curve.append(progress.perplexity)
            if name == "stopped" and progress.step == 4:
                trainer.request_stop()
        if name == "stopped":
            checkpoint = sorted((trainer.save_dir / "checkpoints").glob("step-*"))[-1]
            trainer = _resumable(bench, name)
            trainer.load_checkpoint(read_checkpoint(checkpoint))
            curve = curve[: trainer.step] + [progress.perplexity for progress in trainer.run()]
        curves.append(curve)
    error = float(np.abs(np.divide(*curves) - 1).max())
    bench.note("resume: largest error of the perplexity", error)
    assert error < 1e-4


def _resumable(bench: Bench, name: str) -> elmokit.Trainer:
    overrides = [
        "batch_size=8",
        "unroll_steps=6",
        "max_steps=8",
        "num_negatives=50",
        f"device={bench.device}",
    ]
    return elmokit.Trainer(
        Config.load("tiny", overrides), *_small_text(bench), save_dir=bench.directory / name
    )


def _small_text(bench: Bench) -> tuple[Corpus, Vocabulary]:
    path = bench.directory / "small.txt"
    if not path.exists():
        generator = np.random.default_rng(1)
        words = [f"w{k}" for k in range(200)]
        lines = [" ".join(generator.choice(words, size=generator.integers(2, 12))) for _ in range(300)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    corpus = elmokit.prepare_corpus([str(path)], cache_dir=bench.directory / "small-cache")
    return corpus, Vocabulary(["<S>", "</S>", "<UNK>", *(f"w{k}" for k in range(150))])


def training(bench: Bench) -> None:
    """Tokens per second of whole training steps, text included."""
    scale = bench.scale
    for rows in scale.rows:
        overrides = [f"batch_size={rows}", f"num_negatives={scale.num_negatives}"]
        speeds = {}
        for name, precision, is_plain in (
            *((precision, precision, False) for precision in reversed(bench.precisions)),
            ("plain", "float32", True),
        ):
            with bench.plain() if is_plain else _nothing():
                trainer = bench.trainer(f"train-{rows}-{name}", *overrides, f"precision={precision}")
                step = bench.seconds(_steps(trainer))
            batches = iter(trainer.stream)
            batch = next(batches)
            config, num_tokens = trainer.config.model, rows * NUM_STEPS
            speeds[name] = num_tokens / step
            bench.note(f"training {rows} rows {name}: tokens/s", speeds[name])
            work = 3 * (
                num_tokens * lstm_flops_per_token(config)
                + num_tokens * 4.0 * config.lstm.projection_dim * scale.num_negatives
                + len(batch.types) * encoder_flops_per_type(config)
            )
            bench.note(f"training {rows} rows {name}: share of floor", work / bench.peak(precision) / step)
            if name == bench.precisions[-1]:
                bench.note(f"training {rows} rows: distinct words of a batch", len(batch.types))
                bench.note(
                    f"training {rows} rows: data alone, tokens/s",
                    num_tokens / bench.seconds(partial(next, batches)),
                )
            bench.note(f"training {rows} rows {name}: peak GiB", _peak_memory(bench))
            del trainer, batches, batch
        bench.note(f"training {rows} rows: times plain", speeds[bench.precisions[-1]] / speeds["plain"])


def losses(bench: Bench) -> None:
    """One direction's loss and gradients: sampled, and over a whole vocabulary."""
    scale = bench.scale
    dim = Config.load(scale.geometry).model.lstm.projection_dim
    generator = np.random.default_rng(2)
    num_positions = scale.num_positions
    for name, num_words in (("sampled", scale.num_words), ("full", scale.full_words)):
        candidates = None
        if name == "sampled":
            candidates = draw_candidates(generator, scale.num_negatives, num_words)
        softmax = Softmax(num_words, dim)
        softmax.reset_parameters(torch.Generator().manual_seed(0))
        softmax.to(bench.device)
        hidden = torch.randn(num_positions, dim, device=bench.device, requires_grad=True)
        targets = torch.randint(num_words, (num_positions,), device=bench.device)

        def once(own=softmax, hidden=hidden, targets=targets, candidates=candidates) -> None:
            own.zero_grad()
            hidden.grad = None
            own(hidden, targets, candidates)[0].backward()

        columns = scale.num_negatives if candidates is not None else num_words
        for precision in bench.precisions:
            softmax.precision = precision
            for way in ("", " plain"):
                with bench.plain() if way else _nothing():
                    duration = bench.seconds(once)
                bench.note(f"softmax {name} {precision}{way}: ms", 1e3 * duration)
                floor = 6 * num_positions * columns * dim / bench.peak(precision)
                bench.note(f"softmax {name} {precision}{way}: share of floor", floor / duration)


def embedding(bench: Bench) -> None:
    """Tokens per second from text to float16 arrays on the host."""
    config = Config.load(bench.scale.geometry)
    lines = [line.split() for line in bench.text()[2][: bench.scale.num_embedded]]
    model = BiLM(config.model, None)
    model.reset_parameters(torch.Generator().manual_seed(0))
    pretrained = PretrainedModel(model, config, None, Path("random"))
    num_tokens = sum(map(len, lines))
    for precision in bench.precisions:
        embedder = elmokit.ElmoEmbedder(pretrained, device=str(bench.device), precision=precision)
        for batch_size in (64, 256):

            def once(embedder=embedder, batch_size=batch_size) -> None:
                for _ in embedder.iter_embed(lines, batch_size=batch_size, dtype="float16"):
                    pass

            bench.note(
                f"embedding {precision} batch {batch_size}: tokens/s", num_tokens / bench.seconds(once)
            )
        work = num_tokens * lstm_flops_per_token(config.model)
        bench.note(f"embedding {precision}: floor, tokens/s", num_tokens * bench.peak(precision) / work)


def one_rank(bench: Bench) -> None:
    """What exchanging gradients costs a single process, which has nobody to exchange with."""
    os.environ |= {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
    }
    rows = bench.scale.rows[-1]
    overrides = [f"batch_size={rows}", f"num_negatives={bench.scale.num_negatives}"]
    joined = Ranks.join(str(bench.device), timeout=60)
    try:
        speeds = []
        for name, ranks in (("alone", Ranks()), ("rank", joined)):
            trainer = bench.trainer(f"rank-{name}", *overrides, ranks=ranks)
            speeds.append(rows * NUM_STEPS / bench.seconds(_steps(trainer)))
    finally:
        joined.leave()
    bench.note("one rank: share of the speed without", speeds[1] / speeds[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _steps(trainer: elmokit.Trainer) -> Callable[[], object]:
    """Return a function that takes the next step of a run."""
    batches = iter(trainer.stream)
    return lambda: trainer.train_step(next(batches))


PARTS: dict[str, Callable[[Bench], None]] = {
    part.__name__: part for part in (correctness, resume, losses, training, embedding, one_rank)
}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _peak_memory(bench: Bench) -> float:
    if bench.device.type != "cuda":
        return 0.0
    peak = torch.cuda.max_memory_allocated(bench.device) / 2**30
    torch.cuda.reset_peak_memory_stats(bench.device)
    return peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    failed = []
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(device, SMALL if arguments.small else FULL, Path(directory))
        bench.note("torch", torch.__version__)
        if device.type == "cuda":
            bench.note("device", torch.cuda.get_device_name(device))
            bench.note("Triton's kernels", availability.can_launch(torch.zeros(1, device=device)))
        for name in arguments.parts:
            started = time.perf_counter()
            try:
                PARTS[name](bench)
            except Exception as error:  # of whatever kind, the other parts are still wanted
                failed.append(name)
                bench.note(f"{name}: failed", f"{type(error).__name__}: {error}")
                traceback.print_exc()
            bench.note(f"{name}: seconds", time.perf_counter() - started)
            gc.collect()
            if arguments.json is not None:
                arguments.json.write_text(json.dumps(bench.figures, indent=1, default=str) + "\n")
    raise SystemExit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()

"""Embedding speed, compared with a plain implementation and with the floor of the machine.

    python benchmarks/embed_speed.py [--configs tiny small] [--batch-size 32]

The plain implementation embeds padded batches in the order of the text and encodes every token. elmokit is
measured cold, with an empty cache of token vectors, and warm, when all words of the text are in the cache, in
each precision that the processor has.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from machine import encoder_flops_per_type, lstm_flops_per_token, peaks, seconds_per_call
from plain_bilm import layers, token_vectors

from elmokit import BiLM, Config, ElmoEmbedder, PretrainedModel
from elmokit.alphabet import PADDING
from elmokit.data.characters import boundary_rows, char_rows, word_bytes
from elmokit.data.read import read_sentences
from elmokit.kernels.library import is_available

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "heldout-00000.txt.gz"
NUM_SENTENCES = 512
NUM_TOKENS_ALONE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    sentences = list(itertools.islice(read_sentences(str(TEXT)), NUM_SENTENCES))
    flops = peaks()
    print_header(sentences, arguments.batch_size)
    for name in arguments.configs:
        measure(name, sentences, arguments.batch_size, flops)


def print_header(sentences: list[list[str]], batch_size: int) -> None:
    print(
        f"\nembedding {len(sentences)} sentences, {sum(map(len, sentences)):,} tokens, batch size "
        f"{batch_size}: tokens/s; share of the floor and speed-up refer to the cold run\n"
        f"{'config':<9} {'precision':<9} {'cold':>8} {'warm':>8} {'of floor':>8} {'plain':>8} "
        f"{'speed-up':>8}  one sentence of {NUM_TOKENS_ALONE}"
    )


def measure(
    name: str, sentences: list[list[str]], batch_size: int, flops: Mapping[str, float]
) -> dict[str, float]:
    """Print a row for each precision, and return its figures."""
    config = Config.load(name)
    model = random_model(config)
    pretrained = PretrainedModel(model, config, None, Path("random weights"))
    num_tokens = sum(map(len, sentences))
    num_types = len({word for sentence in sentences for word in sentence})
    work = num_tokens * lstm_flops_per_token(config.model) + num_types * encoder_flops_per_type(config.model)
    batches = [sentences[k : k + batch_size] for k in range(0, len(sentences), batch_size)]
    plain_seconds = seconds_per_call(lambda: [plain(model, batch) for batch in batches])
    expected = plain(model, sentences[:batch_size])
    alone = [(sentences[0] * NUM_TOKENS_ALONE)[:NUM_TOKENS_ALONE]]
    figures = {f"embed {name} plain tokens/s": num_tokens / plain_seconds}
    for precision, tolerance in (("float32", 1e-4), ("bf16", 2e-2), ("int8", 2e-1)):
        if precision != "float32" and not is_available(precision):
            continue
        warm_embedder = ElmoEmbedder(pretrained, precision=precision)

        def cold(precision: str = precision) -> list[np.ndarray]:
            return ElmoEmbedder(pretrained, precision=precision).embed(sentences, batch_size=batch_size)

        for got, want in zip(cold(), expected, strict=False):
            assert np.allclose(got[-1], want, atol=tolerance * max(1.0, float(np.abs(want).max())))
        seconds = seconds_per_call(cold)
        warm = seconds_per_call(lambda own=warm_embedder: own.embed(sentences, batch_size=batch_size))  # type: ignore[misc]
        one = seconds_per_call(lambda own=warm_embedder: own.embed(alone), min_seconds=1.0)  # type: ignore[misc]
        share = work / flops[precision] / seconds if precision in flops else None
        print(
            f"{name:<9} {precision:<9} {num_tokens / seconds:>8,.0f} {num_tokens / warm:>8,.0f} "
            f"{'' if share is None else f'{share:.0%}':>8} "
            f"{num_tokens / plain_seconds:>8,.0f} {plain_seconds / seconds:>7.1f}x  {1e3 * one:.1f} ms",
            flush=True,
        )
        row = f"embed {name} {precision}"
        figures |= {
            f"{row} cold tokens/s": num_tokens / seconds,
            f"{row} warm tokens/s": num_tokens / warm,
            f"{row} cold/plain x": plain_seconds / seconds,
            f"{row} warm/plain x": plain_seconds / warm,
            f"{row} one sentence ms": 1e3 * one,
        }
        if share is not None:
            figures[f"{row} of own floor x"] = share
    return figures


def random_model(config: Config) -> BiLM:
    """Return a model with random weights and without softmax."""
    model = BiLM(config.model, None)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model.requires_grad_(False)


@torch.no_grad()
def plain(model: BiLM, sentences: list[list[str]]) -> list[np.ndarray]:
    """Return the top-layer vectors (n_tokens, D) of each sentence of one padded batch."""
    assert model.config.char_cnn is not None
    max_characters = model.config.char_cnn.max_characters
    begin, end = boundary_rows(max_characters)
    num_steps = max(map(len, sentences)) + 2
    ids = np.full((len(sentences), num_steps, max_characters), PADDING)
    reversed_ids = ids.copy()
    for k, sentence in enumerate(sentences):
        rows = np.concatenate(
            [[begin], char_rows([word_bytes(word) for word in sentence], max_characters), [end]]
        )
        ids[k, : len(rows)], reversed_ids[k, : len(rows)] = rows, rows[::-1]
    tops = []
    for direction, direction_ids in enumerate((ids, reversed_ids)):
        flat = torch.from_numpy(direction_ids).flatten(0, 1)
        tokens = token_vectors(model.encoder, flat).view(len(sentences), num_steps, -1)  # type: ignore[arg-type]
        tops.append(layers(model, direction, tokens.transpose(0, 1))[-1].numpy())  # (T, B, P)
    vectors = []
    for k, sentence in enumerate(sentences):
        forward, backward = (top[1 : len(sentence) + 1, k] for top in tops)
        vectors.append(np.concatenate([forward, backward[::-1]], axis=1))
    return vectors


if __name__ == "__main__":
    main()

"""Embedding speed, compared with a plain implementation and with the floor of the machine.

    python benchmarks/embed_speed.py [--configs tiny small] [--batch-size 32]

The plain implementation embeds padded batches in the order of the text and encodes every token. elmokit is
measured cold, with an empty cache of token vectors, and warm, when all words of the text are in the cache.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from machine import encoder_flops_per_type, lstm_flops_per_token, peak_flops, seconds_per_call
from plain_bilm import layers, token_vectors

from elmokit import BiLM, Config, ElmoEmbedder, PretrainedModel
from elmokit.alphabet import PADDING
from elmokit.data.characters import boundary_rows, char_rows, word_bytes
from elmokit.data.read import read_sentences

TEXT = Path(__file__).parent.parent / "examples" / "data" / "sotu" / "heldout-00000.txt.gz"
NUM_SENTENCES = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["tiny", "small"])
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    sentences = list(itertools.islice(read_sentences(str(TEXT)), NUM_SENTENCES))
    flops = peak_flops()
    print(f"{torch.get_num_threads()} threads, {flops / 1e9:.0f} GFLOP/s in a 2048 x 2048 x 2048 product")
    print(
        f"{len(sentences)} sentences, {sum(map(len, sentences)):,} tokens, batch size {arguments.batch_size}"
    )
    print(f"{'config':<9} {'cold':>9} {'warm':>9} {'floor':>9} {'of floor':>9} {'plain':>9} {'speed-up':>9}")
    for name in arguments.configs:
        measure(name, sentences, arguments.batch_size, flops)
    print("tokens/s; floor, share of the floor and speed-up refer to the cold run")


def measure(name: str, sentences: list[list[str]], batch_size: int, flops: float) -> None:
    config = Config.load(name)
    model = BiLM(config.model, None)
    model.reset_parameters(torch.Generator().manual_seed(0))
    model.requires_grad_(False)
    pretrained = PretrainedModel(model, config, None, Path("random weights"))

    def cold() -> list[np.ndarray]:
        return ElmoEmbedder(pretrained).embed(sentences, batch_size=batch_size)

    warm_embedder = ElmoEmbedder(pretrained)
    expected = plain(model, sentences[:batch_size])
    for got, want in zip(cold(), expected, strict=False):
        assert np.allclose(got[-1], want, atol=1e-4)
    num_tokens = sum(map(len, sentences))
    seconds = seconds_per_call(cold)
    warm_seconds = seconds_per_call(lambda: warm_embedder.embed(sentences, batch_size=batch_size))
    batches = [sentences[k : k + batch_size] for k in range(0, len(sentences), batch_size)]
    plain_seconds = seconds_per_call(lambda: [plain(model, batch) for batch in batches])
    num_types = len({word for sentence in sentences for word in sentence})
    work = num_tokens * lstm_flops_per_token(config.model) + num_types * encoder_flops_per_type(config.model)
    print(
        f"{name:<9} {num_tokens / seconds:>9,.0f} {num_tokens / warm_seconds:>9,.0f} "
        f"{num_tokens * flops / work:>9,.0f} {work / flops / seconds:>9.0%} "
        f"{num_tokens / plain_seconds:>9,.0f} {plain_seconds / seconds:>8.1f}x"
    )


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

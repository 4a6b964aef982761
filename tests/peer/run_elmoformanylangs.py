"""Make small models with the package elmoformanylangs and record its vectors; run by the interpreter
of its own environment.

    run_elmoformanylangs.py OUTPUT_DIRECTORY SEED

For each variant a folder appears, with

- a random model in the package's format: ``config.json``, the configuration that it points to,
  ``char.dic``, ``word.dic``, ``token_embedder.pkl`` and ``encoder.pkl``;
- ``sentences.json``, lists of tokens;
- ``out.npz``: for each value k of the package's ``output_layer`` an array ``output_layer_k``, (M, D), or
  (L, M, D) for -2, which means all layers; the M tokens of all sentences one after the other. A freshly
  loaded model embeds all sentences in one batch, so that their LSTM states start from zero.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from elmoformanylangs import Embedder
from elmoformanylangs.frontend import Model
from elmoformanylangs.modules.embedding_layer import EmbeddingLayer

OUTPUT_LAYERS = (-2, -1, 0, 1, 2)
CHARACTER_SPECIALS = ("<bos>", "<eos>", "<oov>", "<pad>", "<bow>", "<eow>")
WORD_SPECIALS = ("<oov>", "<bos>", "<eos>", "<pad>")
WORDS = ("the", "The", "cat", "sat", "on", "mat", ".", "naïve", "日本", "Ωμέγα", "<bow>")
CHARACTERS = "".join(dict.fromkeys("".join(WORDS[:-1]) + "<>abdefiklmnoprswxyz'"))

SENTENCES = [
    ["The", "cat", "sat", "on", "the", "mat", "."],
    ["cat"],
    ["THE", "naïve", "nai\u0308ve", "日本", "語", "Ωμέγα", "🙂", "Q#7"],
    # 9, 10, 11 and 14 characters: at most 10 have room.
    ["astronome", "astronomes", "astronomers", "Ωωαστρονομικές"],
    ["<bos>", "<eos>", "<oov>", "<pad>", "<bow>", "the"],
    ["a\u3000b", "\u3000", "\u00a0", "on mat", "", "mat"],
    ["cat"],
]

SMALL: dict[str, dict[str, Any]] = {
    "token_embedder": {
        "name": "cnn",
        "activation": "relu",
        "filters": [[1, 4], [2, 4], [3, 8]],
        "n_highway": 1,
        "word_dim": 0,
        "char_dim": 8,
        "max_characters_per_token": 12,
    },
    "encoder": {
        "name": "elmo",
        "projection_dim": 8,
        "cell_clip": 0.8,
        "proj_clip": 0.5,
        "dim": 16,
        "n_layers": 2,
    },
}
# What is different from SMALL; and where the configuration lies, and what config.json calls it.
VARIANTS: dict[str, dict[str, Any]] = {
    "characters": {},
    "no_highway": {
        "token_embedder": {"n_highway": 0, "activation": "tanh"},
        "encoder": {"n_layers": 3},
        # Trained elsewhere: where there is no such file, its name is looked for beside config.json.
        "config_path": "/models/configs/cnn.json",
    },
    "words_and_characters": {
        "token_embedder": {"word_dim": 6, "n_highway": 2},
        "more_characters": "\u3000",
        "more_words": ["\u3000", "astronomer", "astronomers"],
    },
    "words": {"token_embedder": {"word_dim": 6, "char_dim": 0}, "config_path": "configs/words.json"},
    "equal_widths": {  # F = P = H, where bilm-tf has neither projection
        "token_embedder": {"activation": "tanh"},
        "encoder": {"dim": 16, "projection_dim": 16},
        "more_characters": "\u00a0",  # which the package reads back as U+3000
    },
    "no_clips": {
        "token_embedder": {"filters": [[1, 2], [4, 4]], "word_dim": 6},  # F < P
        "encoder": {"cell_clip": 0, "proj_clip": None},
        "legacy_pickle": True,  # as PyTorch wrote before 1.6
    },
}


def ids_of(entries: list[str], specials: tuple[str, ...], generator: torch.Generator) -> dict[str, int]:
    entries = [*specials, *(entry for entry in entries if entry not in specials)]
    order = torch.randperm(len(entries), generator=generator).tolist()
    return {entries[place]: k for k, place in enumerate(order)}


def write_lexicon(path: Path, lexicon: dict[str, int]) -> None:
    path.write_text("".join(f"{entry}\t{k}\n" for entry, k in lexicon.items()), encoding="utf-8")


def write_model(directory: Path, variant: dict[str, Any], generator: torch.Generator) -> None:
    directory.mkdir(parents=True)
    config = {part: SMALL[part] | variant.get(part, {}) for part in SMALL}
    config |= {"classifier": {"name": "sampled_softmax", "n_samples": 8192}, "dropout": 0.1}
    named = variant.get("config_path", "cnn_small.json")
    config_file = directory / (Path(named).name if named.startswith("/") else named)
    config_file.parent.mkdir(exist_ok=True)
    config_file.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    facts = {"model": "elmo", "config_path": named, "max_sent_len": 20, "word_embedding": None, "seed": 1}
    (directory / "config.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")

    dims = config["token_embedder"]
    layers: dict[str, EmbeddingLayer | None] = {"word": None, "char": None}
    words = ids_of([*WORDS, *variant.get("more_words", [])], WORD_SPECIALS, generator)
    write_lexicon(directory / "word.dic", words)  # the package always writes it, its softmax needs it
    if dims["word_dim"]:
        layers["word"] = EmbeddingLayer(dims["word_dim"], words, fix_emb=False)
    if dims["char_dim"]:
        characters = [*CHARACTERS, *variant.get("more_characters", "")]
        lexicon = ids_of(characters, CHARACTER_SPECIALS, generator)
        write_lexicon(directory / "char.dic", lexicon)
        layers["char"] = EmbeddingLayer(dims["char_dim"], lexicon, fix_emb=False)
    model = Model(config, layers["word"], layers["char"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.4, generator=generator)
    for part in (model.token_embedder, model.encoder):
        name = "encoder.pkl" if part is model.encoder else "token_embedder.pkl"
        is_legacy = variant.get("legacy_pickle", False)
        torch.save(part.state_dict(), directory / name, _use_new_zipfile_serialization=not is_legacy)


def main() -> None:
    logging.disable(logging.WARNING)
    output, seed = Path(sys.argv[1]), int(sys.argv[2])
    generator = torch.Generator().manual_seed(seed)
    for name, variant in VARIANTS.items():
        directory = output / name
        write_model(directory, variant, generator)
        (directory / "sentences.json").write_text(json.dumps(SENTENCES) + "\n", encoding="utf-8")
        arrays = {}
        for layer in OUTPUT_LAYERS:
            vectors = Embedder(str(directory), batch_size=len(SENTENCES)).sents2elmo(SENTENCES, layer)
            arrays[f"output_layer_{layer}"] = np.concatenate(vectors, axis=-2)
        np.savez_compressed(directory / "out.npz", **arrays)


if __name__ == "__main__":
    main()

"""Commands, scripts and options of other ELMo tools, and what does the same here."""

from __future__ import annotations

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "version": "elmokit --version",
    "list": "elmokit models",
    "perplexity": "elmokit evaluate",
    "python": "elmokit COMMAND, without python",
    # bilm-tf
    "restart": "elmokit train --restart-ckpt-file MODEL --save-dir NEW",
    "train-elmo": "elmokit train",
    "train-elmo-updated": "elmokit train --restart-ckpt-file MODEL --save-dir NEW",
    "run-test": "elmokit evaluate",
    "test": "elmokit evaluate for perplexity, elmokit embed for vectors",
    "usage-token": "elmokit embed-tokens",
    "usage-cached": "elmokit embed",
    "usage-character": "elmokit embed",
    "dump-token-embeddings": "elmokit embed-tokens",
    "dump-bilm-embeddings": "elmokit embed",
    # AllenNLP
    "allennlp": "elmokit embed",
    "elmo": "elmokit embed",
    # simple_elmo
    "get-elmo-vectors": "elmokit embed",
    "text-classification": "elmokit pairs",
    "wsd-eval": "elmokit senses",
    # ELMoForManyLangs
    "elmoformanylangs": "elmokit embed, or elmokit train",
    "elmoformanylangs.bilm": "elmokit train",
    "bilm": "elmokit train",
}
"""Command → what to use."""

_TRAIN = {
    "options-file": "give an options.json as --config",
    "config-path": "give a .toml file or an options.json as --config",
    "train-file": "give the text as --train-prefix",
    "train-path": "give the text as --train-prefix",
    "valid-path": "give the heldout text as --heldout-prefix",
    "test-path": "use elmokit evaluate after training",
    "tf-save-dir": "it is called --save-dir",
    "tf-log-dir": "records for TensorBoard are written below --save-dir",
    "model": "it is called --save-dir, or --restart-ckpt-file for a model to start from",
    "ckpt-file": "it is called --restart-ckpt-file",
    "gpu": "use --device cuda:N",
    "lr": "it is a setting, write learning_rate=...",
    "lr-decay": "use the setting schedule=...",
    "max-epoch": "it is a setting, write num_epochs=...",
    "clip-grad": "it is a setting, write clip_norm=...",
    "max-sent-len": "sentences may have any length; the setting unroll_steps=... cuts the gradients",
    "min-count": "make a vocabulary with elmokit vocabulary --min-count",
    "max-vocab-size": "make a vocabulary with elmokit vocabulary --max-size",
    "save-classify-layer": "the softmax is always saved",
    "valid-size": "set heldout text aside with elmokit shard",
    "eval-steps": "use the setting evaluations_per_epoch=...",
    "word-embedding": "elmokit trains its own",
}
_EMBED = {
    "all": "use --layers all",
    "top": "use --layers top",
    "average": "use --layers average",
    "output-layer": "use --layers 0 to 2, average (-1) or all (-2)",
    "weight-file": "give the weights as the first argument, MODEL",
    "elmo": "give the model as the first argument, MODEL",
    "e": "give the model as the first argument, MODEL",
    "i": "give the text as the second argument, INPUT.txt",
    "model": "give the model as the first argument, MODEL",
    "input": "give the text as the second argument, INPUT.txt",
    "input-file": "give the text as the second argument, INPUT.txt",
    "input-format": "write one sentence per line, with spaces between tokens",
    "output-file": "it is called --output",
    "output-prefix": "it is called --output",
    "output-format": "the name of --output says it: .hdf5 or .parquet",
    "cuda-device": "use --device cuda:N, or --device cpu for -1",
    "gpu": "use --device cuda:N, or --device cpu for -1",
    "forget-sentences": "leave it out: sentences are never stored with their vectors",
    "include-sentence-indices": "keys are the line numbers; embed_file of elmokit.dialects.allennlp stores "
    "the sentences as well",
    "use-sentence-keys": "keys are the line numbers; embed_file of elmokit.dialects.allennlp has "
    "use_sentence_keys",
    "vocab-path": "leave it out: words are read by their characters",
    "file-friendly-logging": "leave it out: progress in a file is a line a minute",
    "include-package": "leave it out",
}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "train": _TRAIN,
    "embed": _EMBED,
    "evaluate": {"ckpt-file": "give it as MODEL", "heldout-prefix": "it is called --test-prefix"},
    "dump-weights": {"out-file": "it is called --outfile"},
    "vocabulary": {
        "train-prefix": "it is called --input",
        "vocab-file": "it is called --output",
        "max-vocab-size": "it is called --max-size",
    },
    "shard": {
        "train-prefix": "it is called --input",
        "n-shards": "it is called --num-shards",
    },
}


def explain_option(command: str, option: str) -> str | None:
    """Return what takes the place of an option of another tool.

    Args:
        command: the command that the option was typed after.
        option: as it was typed, with hyphens.

    Returns:
        None if no other tool has such an option.
    """
    meaning = _OPTIONS.get(command, {}).get(option.lstrip("-"))
    return None if meaning is None else f"No such option {option!r}: {meaning}"

"""What is worth knowing about the texts of a run before it starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.overlap import count_repeated_sentences
from elmokit.data.sources import source_key
from elmokit.errors import CorpusError
from elmokit.model.bilm import BiLM
from elmokit.model.parameter_shapes import parameter_shapes

_MANY_PARAMETERS = 10  # per token of the text, those of the softmax not counted


def refuse_shared_files(training: Iterable[Mapping[str, Any]], heldout: Iterable[Mapping[str, Any]]) -> None:
    """Refuse heldout text that is trained on.

    Args:
        training: states of the training text's files, from
            :attr:`~elmokit.data.text_file.TextFile.source_state`.
        heldout: states of the heldout text's files.

    Raises:
        CorpusError: naming the files that are in both texts.
    """
    shared = _keys(training) & _keys(heldout)
    if shared:
        names = ", ".join(sorted(path for path, _ in shared))
        raise CorpusError(
            f"{names}: training text and heldout text at the same time, so that the heldout "
            "perplexity would mean nothing: take it out of one of them"
        )


def repeated_share(heldout: Corpus, training: Corpus) -> tuple[int, float]:
    """Return number and share of the heldout sentences that occur in the training text word for word."""
    repeated = count_repeated_sentences(heldout, training)
    return repeated, repeated / max(heldout.num_sentences, 1)


def text_warnings(model: BiLM, text: IndexedCorpus, *, is_continued: bool) -> list[str]:
    """Return what about a training text will make a model worse than it could be.

    Args:
        model: before training.
        text: that it will be trained on.
        is_continued: whether the run starts from another model.
    """
    warnings = []
    corpus = text.corpus
    if text.unknown_share == 0:
        warnings.append(
            "no word of the training text is <UNK>, so <UNK> is never trained and its probability stays "
            "random: leave rare words out of the vocabulary with elmokit vocabulary --min-count 2"
        )
    num_parameters = sum(
        parameter.numel() for name, parameter in model.named_parameters() if not name.startswith("softmax.")
    )
    if num_parameters > _MANY_PARAMETERS * corpus.num_tokens:
        remedies = ["more text", "patience=3"]
        if not is_continued:
            remedies = [
                *(["--config tiny"] if num_parameters > _num_parameters_of_tiny() else []),
                *remedies,
                "or an existing model to continue from with --restart-ckpt-file",
            ]
        else:
            remedies[-1] = f"or {remedies[-1]}"
        warnings.append(
            f"the training text is small for this model: {corpus.num_tokens:,} tokens for {num_parameters:,} "
            f"parameters. Expect the heldout perplexity to rise after a while: use {', '.join(remedies)}"
        )
    return warnings


def _num_parameters_of_tiny() -> int:
    tiny = parameter_shapes(Config.load("tiny").model, None, with_softmax=False, source=Path("tiny"))
    return sum(map(math.prod, tiny.values()))


def _keys(states: Iterable[Mapping[str, Any]]) -> set[tuple[str, str | None]]:
    """Return what identifies the files, under whatever names."""
    keys = map(source_key, states)
    return {(path if "://" in path else str(Path(path).resolve()), query) for path, query in keys}

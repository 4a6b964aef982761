"""The perplexity that bilm-tf's ``test()`` reports, for comparison with the literature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from elmokit.data.corpus import Corpus
from elmokit.data.evaluation_streams import bilm_test_stream
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CorpusError
from elmokit.model.bilm import BiLM, BiLMOutput, BiLMState
from elmokit.model.perplexity import perplexity
from elmokit.training.evaluation import index_for


def bilm_perplexity(
    model: BiLM,
    corpus: Corpus | IndexedCorpus,
    vocabulary: Vocabulary | None = None,
    *,
    batch_size: int,
    on_tokens: Callable[[int], None] | None = None,
) -> float:
    """Compute perplexity as bilm-tf does.

    It depends on the batch size: reading stops as soon as one of ``batch_size`` rows runs out of text, and
    the rest of the text is dropped. Blank lines count as empty sentences.

    Args:
        model: with a softmax.
        corpus: the text.
        vocabulary: of the model; may be left out for an indexed corpus, which knows it.
        batch_size: rows.
        on_tokens: called with the number of further predictions made.

    Raises:
        CorpusError: when the text does not fill one batch.
    """
    text = index_for(model, corpus, vocabulary)
    assert isinstance(text.corpus, Corpus)
    state: BiLMState | None = None
    batch_losses = []
    with torch.inference_mode():
        for batch in bilm_test_stream(text, batch_size=batch_size, bidirectional=model.config.bidirectional):
            output: BiLMOutput = model(batch.to(model.device), state)
            state = output.state
            means = [part.losses.mean() for part in output.directions if part.losses is not None]
            batch_losses.append(float(torch.stack(means).mean()))
            if on_tokens is not None:
                on_tokens(batch_size)
    if not batch_losses:
        raise CorpusError(
            f"{', '.join(text.corpus.sources[:3])}: {len(text.corpus.offsets) - 1} lines are too few for a "
            f"batch of {batch_size} rows: lower --batch-size"
        )
    return perplexity(float(np.mean(batch_losses)))

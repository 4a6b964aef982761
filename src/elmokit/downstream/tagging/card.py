"""The model card of a tagger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elmokit.downstream.tagging.examples import TagSet


def model_card(
    embedding: str,
    tag_set: TagSet,
    history: Mapping[str, Any],
    mixing_weights: Mapping[str, Sequence[Sequence[float] | None]],
) -> str:
    """Return the text of a model card, in Markdown.

    Args:
        embedding: the choice of embeddings.
        tag_set: the tags.
        history: what training reached.
        mixing_weights: of each embedding's layers, at input and output.
    """
    scheme = "" if tag_set.scheme is None else f" ({tag_set.scheme})"
    lines = [
        "---",
        "library_name: elmokit",
        "pipeline_tag: token-classification",
        "---",
        "",
        "# Sequence tagger",
        "",
        f"A biLSTM-CRF over `{embedding}`.",
        "",
        f"- tags{scheme}: {', '.join(f'`{tag}`' for tag in tag_set.tags)}",
    ]
    if history:
        lines += [
            f"- trained on {history['num_training_sentences']:,} sentences, {history['epochs']} epochs",
            f"- {history['dev_metric']} on {history['num_dev_sentences']:,} dev sentences: "
            f"{history['dev_score']:.4f} (epoch {history['best_epoch']}, chosen by this figure: report "
            "figures on other data)",
        ]
    for place, embeddings in mixing_weights.items():
        lines += [
            f"- learned weights of the layers at the {place}: {', '.join(f'{weight:.3f}' for weight in own)}"
            for own in embeddings
            if own is not None
        ]
    lines += [
        "",
        "Probabilities are the exact marginals of the CRF. They are not calibrated.",
        "",
        "```python",
        "import elmokit",
        "",
        'tagger = elmokit.SequenceTagger.load("THIS DIRECTORY")',
        'tagger.predict([["One", "tokenized", "sentence"]])',
        "```",
        "",
    ]
    return "\n".join(lines)

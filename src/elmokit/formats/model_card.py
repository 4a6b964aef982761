"""The model card, which describes a model directory to people and to the Hugging Face Hub."""

from __future__ import annotations

from elmokit.formats.parts import ModelParts


def model_card(parts: ModelParts, name: str) -> str:
    """Return the README.md of a model directory, with the metadata that the Hub reads.

    Args:
        parts: the model; what is known about its training goes into the card.
        name: the name of the model, for the title and the example.
    """
    config, vocabulary = parts.config.model, parts.vocabulary
    lstm = config.lstm
    softmax = f"{parts.num_words:,} words" if parts.has_softmax else "none"
    words = "words" if config.char_cnn is None else "characters"
    if config.lexicon is not None:
        sizes = ((config.lexicon.num_words, "words"), (config.lexicon.num_symbols, "characters"))
        words = " and ".join(f"{number:,} {name}" for number, name in sizes if number is not None)
    lines = [
        "---",
        "library_name: elmokit",
        "tags:",
        "- elmo",
        "- bilm",
        "- word-embeddings",
        "---",
        "",
        f"# {name}",
        "",
        "A bidirectional LSTM language model (biLM, ELMo) for contextual word vectors "
        "([Peters et al. 2018](https://aclanthology.org/N18-1202/)).",
        "",
        "```python",
        "import elmokit",
        "",
        f'embedder = elmokit.ElmoEmbedder.from_pretrained("{name}")',
        'vectors = embedder.embed(["One word , many vectors"])',
        "```",
        "",
        "## Model",
        "",
        "| | |",
        "| --- | --- |",
        f"| input | {words} |",
        f"| layers | token layer and {lstm.num_layers} LSTM layers, vectors of width "
        f"{config.num_directions * lstm.projection_dim} |",
        f"| LSTM | cell {lstm.cell_dim}, projection {lstm.projection_dim} |",
        f"| parameters | {sum(value.numel() for value in parts.parameters.values()):,} |",
        f"| softmax | {softmax} |",
    ]
    if vocabulary is not None and not parts.has_softmax:
        lines.append(f"| vocabulary | {len(vocabulary):,} words |")
    if parts.facts:
        lines += ["", "## Training", "", "| | |", "| --- | --- |", *_training_rows(parts)]
    return "\n".join(lines) + "\n"


def _training_rows(parts: ModelParts) -> list[str]:
    facts, training = parts.facts, parts.config.training
    rows = []
    if "step" in facts:
        num_tokens = facts["step"] * training.num_rows * training.unroll_steps
        rows.append(f"| steps | {facts['step']:,} of {training.num_rows} x {training.unroll_steps} tokens |")
        rows.append(f"| tokens | {num_tokens:,} |")
    if facts.get("seconds") is not None:
        rows.append(f"| time | {facts['seconds'] / 3600:.1f} hours |")
    if facts.get("best_perplexity") is not None:
        rows.append(
            f"| heldout perplexity | {facts['best_perplexity']:.2f} (mean of the directions, full softmax), "
            f"after step {facts['best_step']:,} |"
        )
    rows.append(f"| recipe | {training.recipe} |")
    rows.append(f"| dropout | {training.dropout} |")
    rows.append(f"| learning rate | {training.learning_rate} |")
    return rows

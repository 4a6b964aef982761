"""Model cards of the models of this package."""

from __future__ import annotations


def sense_card(embedding: str, method: str, num_lemmas: int, num_ambiguous: int) -> str:
    """Return the card of a model of senses, in Markdown."""
    how = "the nearest average vector" if method == "nearest" else "a logistic regression for each lemma"
    return _card(
        "Word sense disambiguation",
        [
            f"The sense of a word by {how}, on vectors of `{embedding}`.",
            "",
            f"- lemmas: {num_lemmas:,}, of which {num_ambiguous:,} have several senses",
        ],
        "elmokit senses predict THIS_DIRECTORY words.tsv",
    )


def pair_card(embedding: str, method: str, target: str, scores: dict[str, float]) -> str:
    """Return the card of a model of pairs, in Markdown."""
    figures = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    return _card(
        "Pairs of words or sentences",
        [
            f"Whether two {target} mean the same, by {method}, on vectors of `{embedding}`.",
            "",
            f"- dev data, which the model was chosen by: {figures}",
        ],
        "elmokit pairs predict THIS_DIRECTORY pairs.tsv",
    )


def _card(title: str, lines: list[str], command: str) -> str:
    head = ["---", "library_name: elmokit", "---", "", f"# {title}", ""]
    tail = ["", "Scores are not calibrated probabilities.", "", "```bash", command, "```", ""]
    return "\n".join([*head, *lines, *tail])

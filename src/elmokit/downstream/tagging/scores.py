"""How well tags were predicted: accuracy, F1 of spans, and a report for each tag or type of span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elmokit.arguments import checked
from elmokit.downstream.tagging.spans import detect_scheme, read_spans
from elmokit.errors import ConfigError


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 of one tag, one type of span, or all spans."""

    precision: float
    recall: float
    f1: float
    support: int
    """How often it occurs in the data."""
    predicted: int
    """How often it was predicted."""

    @classmethod
    def of_counts(cls, correct: int, support: int, predicted: int) -> Score:
        """Compute the score; what is divided by zero is zero."""
        precision = correct / predicted if predicted else 0.0
        recall = correct / support if support else 0.0
        f1 = 2 * correct / (support + predicted) if correct else 0.0
        return cls(precision, recall, f1, support, predicted)


@dataclass(frozen=True)
class TagScores:
    """How well the tags of sentences were predicted."""

    num_sentences: int
    num_tokens: int
    accuracy: float
    """Share of tokens with the right tag."""
    sentence_accuracy: float
    """Share of sentences without an error."""
    spans: Score | None
    """All spans (micro average), as conlleval computes it; None for tags that are not those of spans."""
    by_label: dict[str, Score]
    """By type of span, or by tag."""
    confusions: dict[tuple[str, str], int]
    """How often a tag (first) was taken for another (second), most frequent first."""

    @property
    def main(self) -> float:
        """The score to choose models by: F1 of spans, or accuracy."""
        return self.accuracy if self.spans is None else self.spans.f1

    @property
    def macro_f1(self) -> float:
        """Average F1 over the labels that occur in the data."""
        found = [score.f1 for score in self.by_label.values() if score.support]
        return sum(found) / len(found) if found else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, for JSON."""
        return {
            "num_sentences": self.num_sentences,
            "num_tokens": self.num_tokens,
            "accuracy": self.accuracy,
            "sentence_accuracy": self.sentence_accuracy,
            "spans": None if self.spans is None else asdict(self.spans),
            "macro_f1": self.macro_f1,
            "by_label": {label: asdict(score) for label, score in self.by_label.items()},
            "confusions": [
                {"tag": tag, "predicted": predicted, "count": count}
                for (tag, predicted), count in self.confusions.items()
            ],
        }


@checked
def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TagScores:
    """Compare predicted tags with those of the data.

    Args:
        gold: the tags of each sentence.
        predicted: the predicted tags of each sentence, as many.

    Raises:
        ConfigError: if there are not as many.
    """
    if list(map(len, gold)) != list(map(len, predicted)):
        raise ConfigError("predicted: expected as many tags for each sentence as in gold")
    right: Counter[str] = Counter()
    support: Counter[str] = Counter()
    guesses: Counter[str] = Counter()
    confusions: Counter[tuple[str, str]] = Counter()
    num_right = num_tokens = num_perfect = 0
    has_spans = detect_scheme(tag for tags in gold for tag in tags) is not None
    for own, found in zip(gold, predicted, strict=True):
        num_tokens += len(own)
        pairs = list(zip(own, found, strict=True))
        num_right += sum(tag == guess for tag, guess in pairs)
        num_perfect += all(tag == guess for tag, guess in pairs)
        confusions.update((tag, guess) for tag, guess in pairs if tag != guess)
        if has_spans:
            ours, theirs = set(read_spans(own)), set(read_spans(found))
            support.update(span.type for span in ours)
            guesses.update(span.type for span in theirs)
            right.update(span.type for span in ours & theirs)
        else:
            support.update(own)
            guesses.update(found)
            right.update(tag for tag, guess in pairs if tag == guess)
    return TagScores(
        num_sentences=len(gold),
        num_tokens=num_tokens,
        accuracy=num_right / num_tokens if num_tokens else 0.0,
        sentence_accuracy=num_perfect / len(gold) if gold else 0.0,
        spans=Score.of_counts(right.total(), support.total(), guesses.total()) if has_spans else None,
        by_label={
            label: Score.of_counts(right[label], support[label], guesses[label])
            for label in sorted({*support, *guesses})
        },
        confusions=dict(sorted(confusions.items(), key=lambda item: (-item[1], item[0]))),
    )

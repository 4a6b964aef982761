"""The answers to the questions of the page, as JSON values; ``docs/formats.md`` describes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from elmokit.data.occurrences import Occurrence
from elmokit.errors import ConfigError
from elmokit.explorer.differences import TEXT_NAMES, text_differences
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.mixing import mixed
from elmokit.explorer.movement import moved_words
from elmokit.explorer.questions import (
    AboutQuestion,
    DifferencesQuestion,
    MapQuestion,
    MovedQuestion,
    Question,
    SaveQuestion,
    SentencesQuestion,
    TextQuestion,
    WordQuestion,
    WordsQuestion,
)
from elmokit.explorer.saved_map import saved_map
from elmokit.explorer.typed_text import MAX_TOKENS, Sentences, read_typed
from elmokit.language_model import Candidate
from elmokit.neighbors.results import Neighbor
from elmokit.visualize.layer_maps import layer_name
from elmokit.visualize.text_comparison import TextComparison

EXAMPLE = """\
Argentina played football very well
Brazil is a strong team
Artists all over the world are attending the play
Child is playing the guitar
There was absolute silence during the play
every American has the right to vote
we are on the right track"""

_NATS_PER_BIT = math.log(2)
_CONTEXT_WORDS = 30  # of a neighbor in the corpus, on either side


class Answers:
    """Answers questions about typed sentences with one model or with several.

    Args:
        explorers: the models.
        names: their names, as the user wrote them; by default the names of their directories.
    """

    def __init__(self, explorers: Sequence[Explorer], names: Sequence[str] = ()) -> None:
        self.explorers = tuple(explorers)
        self.names = tuple(names) or tuple(explorer.embedder.pretrained.source.name for explorer in explorers)
        self.kinds: dict[str, tuple[type[Question], Callable[[Any], dict[str, Any] | str]]] = {
            "about": (AboutQuestion, self.about),
            "text": (TextQuestion, self.text),
            "words": (WordsQuestion, self.words),
            "map": (MapQuestion, self.map),
            "word": (WordQuestion, self.word),
            "moved": (MovedQuestion, self.moved),
            "differences": (DifferencesQuestion, self.differences),
            "save": (SaveQuestion, self.save),
        }

    def about(self, question: AboutQuestion) -> dict[str, Any]:
        """Describe the models."""
        return {
            "models": [
                self._model(number, name, explorer)
                for number, (name, explorer) in enumerate(zip(self.names, self.explorers, strict=True))
            ],
            "example": EXAMPLE,
        }

    def text(self, question: TextQuestion) -> dict[str, Any]:
        """Return the sentences and tokens of a text, or of two, which then share the room on the page."""
        vocabulary = self.explorers[0].embedder.pretrained.vocabulary
        known: Container[object] = () if vocabulary is None else vocabulary
        texts = [question.text, question.second] if question.second.strip() else [question.text]
        typed = [
            read_typed(text, question.tokenize, lambda word: word in known, MAX_TOKENS // len(texts))
            for text in texts
        ]
        has_words = all(one.sentences for one in typed)
        names = [f"{name.capitalize()}: " for name in TEXT_NAMES] if len(typed) > 1 else [""]
        notes = [name + one.note for name, one in zip(names, typed, strict=True) if one.note]
        return {
            "sentences": [list(sentence) for one in typed for sentence in one.sentences] if has_words else [],
            "num_first": len(typed[0].sentences) if len(typed) > 1 and has_words else None,
            "tokenized": any(one.is_split for one in typed),
            "note": " ".join(notes) if has_words else "Type a sentence first: the text has no words.",
        }

    def words(self, question: WordsQuestion) -> dict[str, Any]:
        """Return the surprise of each word in bits, and whether it is unknown."""
        explorer, sentences = self._subject(question)
        text = explorer.explore(sentences)
        return {
            "surprisal": {
                direction: np.round(values / _NATS_PER_BIT, 4).tolist()
                for direction, values in text.surprisal.items()
            },
            "unknown": text.is_unknown,
            "default": text.default_index,
        }

    def map(self, question: MapQuestion) -> dict[str, Any]:
        """Return the points of every layer, or of one mix of layers."""
        explorer, sentences = self._subject(question)
        maps = (
            explorer.layer_maps(sentences, question.method)
            if question.weights is None
            else [explorer.map(sentences, self._weights(explorer, question.weights), question.method)]
        )
        return {"layers": [np.round(points, 6).tolist() for points in maps]}

    def word(self, question: WordQuestion) -> dict[str, Any]:
        """Return the neighbors and substitutes of a word."""
        explorer, sentences = self._subject(question)
        index = _checked_index(question.index, sentences)
        text = explorer.explore(sentences)
        weights = self._weights(explorer, question.weights)
        indices = {occurrence: k for k, occurrence in enumerate(text.occurrences)}
        found = explorer.substitutes(sentences, index)
        answer: dict[str, Any] = {
            "neighbors": [
                _neighbor(neighbor, indices) for neighbor in explorer.neighbors(sentences, index, weights)
            ],
            "similar_words": [
                {"word": word, "similarity": round(float(similarity), 6)}
                for word, similarity in explorer.similar_words(sentences, index)
            ],
            "substitutes": None,
            "substitutes_error": explorer.language_model_error,
        }
        if explorer.corpus is not None:
            near = explorer.corpus_neighbors(sentences, index)
            answer["corpus_neighbors"] = [_neighbor(neighbor, {}) for neighbor in near]
        if found is not None:
            answer["substitutes"] = {
                name: _candidates(getattr(found, name)) for name in ("combined", "forward", "backward")
            }
            if not found.backward:
                answer["substitutes"]["combined"] = []
        return answer

    def moved(self, question: MovedQuestion) -> dict[str, Any]:
        """Return how the surroundings of each word changed from the first model to the second."""
        if len(self.explorers) < 2:
            raise ConfigError("moved: there is only one model: start elmokit explore with two")
        sentences = self._subject(question)[1]
        vectors = [
            mixed(explorer.explore(sentences).layers, self._weights(explorer, weights))
            for explorer, weights in zip(self.explorers, question.weights, strict=False)
        ]
        return {"words": [asdict(move) for move in moved_words(*vectors[:2])]}

    def differences(self, question: DifferencesQuestion) -> dict[str, Any]:
        """Return how differently words are used in two texts."""
        explorer, sentences = self._subject(question)
        weights = self._weights(explorer, question.weights)
        return self._differences(question.num_first, question.index, sentences, explorer, weights).to_json()

    def save(self, question: SaveQuestion) -> str:
        """Return the map as a page in one file."""
        explorer, sentences = self._subject(question)
        size = explorer.embedder.num_layers
        layer = min(question.layer, size - 1)
        comparison = None
        if question.num_first is not None:
            weights = [float(number == layer) for number in range(size)]
            comparison = self._differences(question.num_first, question.index, sentences, explorer, weights)
        name = self.names[question.model]
        return saved_map(explorer, sentences, question.method, layer, name, question.num_first, comparison)

    def _differences(
        self, num_first: int, index: int, sentences: Sentences, explorer: Explorer, weights: list[float]
    ) -> TextComparison:
        if num_first >= len(sentences):
            raise ConfigError(f"num_first: expected at most {len(sentences) - 1}, got {num_first}")
        text = explorer.explore(sentences)
        vectors = mixed(text.layers, weights)
        return text_differences(vectors, text.occurrences, num_first, _checked_index(index, sentences))

    def _model(self, number: int, name: str, explorer: Explorer) -> dict[str, Any]:
        pretrained, corpus = explorer.embedder.pretrained, explorer.corpus
        num_words = 0 if pretrained.vocabulary is None else len(pretrained.vocabulary)
        return {
            "number": number,
            "name": name,
            "layers": [layer_name(layer) for layer in range(explorer.embedder.num_layers)],
            "dim": explorer.embedder.dim,
            "num_words": num_words,
            "max_bits": max(1.0, math.log2(max(1, num_words))),
            "corpus_tokens": 0 if corpus is None else corpus.corpus.num_tokens,
            "is_bidirectional": pretrained.config.model.bidirectional,
            "error": explorer.language_model_error,
        }

    def _subject(self, question: SentencesQuestion) -> tuple[Explorer, Sentences]:
        if question.model >= len(self.explorers):
            raise ConfigError(f"model: expected 0 to {len(self.explorers) - 1}, got {question.model}")
        sentences = question.tokens
        if not all(sentences) or any(not token or token.split() != [token] for s in sentences for token in s):
            raise ConfigError("sentences: expected tokens without whitespace, at least one in each sentence")
        if sum(map(len, sentences)) > MAX_TOKENS:
            raise ConfigError(f"sentences: expected at most {MAX_TOKENS} tokens")
        return self.explorers[question.model], sentences

    def _weights(self, explorer: Explorer, weights: list[float]) -> list[float]:
        if len(weights) != explorer.embedder.num_layers:
            raise ConfigError(
                f"weights: expected {explorer.embedder.num_layers} numbers, one for each layer, "
                f"got {len(weights)}"
            )
        return weights


def _checked_index(index: int, sentences: Sentences) -> int:
    size = sum(map(len, sentences))
    if index >= size:
        raise ConfigError(f"index: expected 0 to {size - 1}, got {index}")
    return index


def _neighbor(neighbor: Neighbor, indices: dict[Occurrence, int]) -> dict[str, Any]:
    occurrence = neighbor.occurrence
    start = max(0, occurrence.position - _CONTEXT_WORDS) if not indices else 0
    stop = occurrence.position + 1 + _CONTEXT_WORDS if not indices else None
    found: dict[str, Any] = {
        "similarity": round(float(neighbor.similarity), 6),
        "sentence": list(occurrence.sentence[start:stop]),
        "position": occurrence.position - start,
    }
    if occurrence in indices:
        found["index"] = indices[occurrence]
    return found


def _candidates(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    return [
        {"word": candidate.word, "probability": math.exp(candidate.log_probability)}
        for candidate in candidates
    ]

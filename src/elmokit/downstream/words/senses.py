"""Word sense disambiguation: which of its known senses a word has in a sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch

from elmokit.arguments import checked
from elmokit.downstream.embeddings.protocol import TokenEmbedding
from elmokit.downstream.progress import Progress, no_progress
from elmokit.downstream.saved import embeddings_of_saved, read_model, save_model
from elmokit.downstream.words.card import sense_card
from elmokit.downstream.words.tables import Occurrence, Row, Table
from elmokit.downstream.words.vectors import layers_of, occurrence_vectors
from elmokit.errors import ConfigError, ElmokitError, MissingExtraError, ModelFileError, TextError
from elmokit.files.home import expanded

Method = Literal["nearest", "logistic"]

_KIND = "senses"
_SENSE = ("sense", "label", "synset")


class SenseExample(NamedTuple):
    """A word in a sentence whose sense is known, or asked for."""

    lemma: str
    occurrence: Occurrence
    sense: str | None
    """None if it is asked for."""


class Answer(NamedTuple):
    """The sense of a word in a sentence."""

    sense: str | None
    """None for a lemma that the training data does not have, without a list of first senses."""
    source: str
    """What it was chosen by: ``vectors``, ``only sense``, ``first sense`` or ``unknown lemma``."""
    scores: Mapping[str, float]
    """Cosine to the average of each sense, or its probability (logistic), which is not calibrated."""


@dataclass(frozen=True)
class SenseScores:
    """How often the right sense was chosen."""

    num_examples: int
    accuracy: float
    """Share of all examples; those without an answer count as wrong."""
    most_frequent_sense: float
    """What the most frequent sense of each lemma in the training data reaches."""
    ambiguous_accuracy: float
    """Share of the examples whose lemma has several senses in the training data."""
    ambiguous_most_frequent_sense: float
    num_ambiguous: int
    num_unknown: int
    """Examples whose lemma the training data does not have."""


@checked
def read_senses(table: Table, *, tagged: bool = True) -> list[SenseExample]:
    """Read examples from a table with the columns ``sense``, ``index`` and ``tokens``, and maybe ``lemma``.

    Without ``lemma``, it is the word in lower case. Positions in ``index`` count from 0.

    Args:
        table: the table.
        tagged: whether there must be senses.

    Raises:
        TextError: with file and line.
    """
    tokens, index = table.need(["tokens", "sentence", "text"]), table.need(["index", "position"])
    lemma = table.find(["lemma", "word"])
    sense = table.need(_SENSE) if tagged else table.find(_SENSE)

    def example(row: Row) -> SenseExample:
        occurrence = row.occurrence(tokens, index)
        name = row.values[lemma] if lemma is not None else occurrence.word.lower()
        if tagged and sense is not None and not row.values[sense].strip():
            raise TextError(f"{row.where}: {sense}: empty, expected the sense of {occurrence.word!r}")
        return SenseExample(name, occurrence, None if sense is None else row.values[sense])

    return [example(row) for row in table.rows]


class SenseModel:
    """Chooses the sense of a word by its contextual vector, as in section 5.3 of Peters et al. 2018.

    ``nearest`` compares it with the average vector of each sense of its lemma; ``logistic`` is a logistic
    regression for each lemma. A lemma with one sense always has that one; for a lemma that the training data
    does not have, the first sense of a list is taken, if there is one.

    Args:
        embeddings: the embeddings.
        method: ``nearest`` or ``logistic``.
        layer: the layer of a biLM, or None for their average.
        senses: the senses of each lemma, most frequent first.
        weights: for each lemma with several senses, one row (D + 1) per sense: weights and a bias.
        first_senses: the sense of lemmas that the training data does not have.
    """

    def __init__(
        self,
        embeddings: Sequence[TokenEmbedding],
        method: Method,
        layer: int | None,
        senses: Mapping[str, Sequence[str]],
        weights: Mapping[str, np.ndarray],
        first_senses: Mapping[str, str] | None = None,
    ) -> None:
        self.embeddings = tuple(embeddings)
        self.method, self.layer = method, layer
        self.senses, self.weights = dict(senses), dict(weights)
        self.first_senses = dict(first_senses or {})

    def __repr__(self) -> str:
        names = "+".join(embedding.name for embedding in self.embeddings)
        return f"SenseModel({names!r}, {self.method}, {len(self.senses)} lemmas)"

    @classmethod
    @checked
    def train(
        cls,
        examples: Sequence[SenseExample],
        embeddings: Sequence[TokenEmbedding],
        *,
        method: Method = "nearest",
        layer: int | None = None,
        first_senses: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
    ) -> SenseModel:
        """Train on examples with senses.

        Args:
            examples: the examples.
            embeddings: the embeddings, whose vectors are joined.
            method: ``nearest`` or ``logistic``.
            layer: the layer of a biLM, 0 being context-free; None for the average.
            first_senses: the sense of lemmas that the examples do not have, such as WordNet's first sense.
            progress: shows what is done.

        Raises:
            ConfigError: if there is no such method or layer.
            ElmokitError: if there are no examples, or one has no sense.
            MissingExtraError: if scikit-learn is needed and not installed.
        """
        if method not in get_args(Method):
            raise ConfigError(f"method: expected {' or '.join(get_args(Method))}, got {method!r}")
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, example in enumerate(examples):
            if not example.sense:
                raise ElmokitError(f"example {row} ({example.lemma!r}) has no sense: give one to train on")
            counts[example.lemma][example.sense] += 1
            rows[example.lemma].append(row)
        if not counts:
            raise ElmokitError("no examples to train on")
        # The more frequent first; of equals, the one that comes first.
        senses = {lemma: [sense for sense, _ in own.most_common()] for lemma, own in counts.items()}
        model = cls(embeddings, method, layer, senses, {}, first_senses)
        vectors = model._vectors(examples, progress)
        with progress("training", len(rows), "lemma") as bar:
            for lemma, own in rows.items():
                if len(senses[lemma]) > 1:
                    targets = np.array([senses[lemma].index(examples[row].sense or "") for row in own])
                    fitted = _averages if method == "nearest" else _regression
                    model.weights[lemma] = fitted(vectors[own], targets)
                bar.update(1)
        return model

    @checked
    def predict(self, examples: Sequence[SenseExample], *, progress: Progress = no_progress) -> list[Answer]:
        """Return the sense of each example; senses that they have are not looked at."""
        vectors = self._vectors(examples, progress)
        return [self._answer(own.lemma, vector) for own, vector in zip(examples, vectors, strict=True)]

    @checked
    def evaluate(self, examples: Sequence[SenseExample], *, progress: Progress = no_progress) -> SenseScores:
        """Compare answers with the senses of the examples.

        Raises:
            ElmokitError: if there are none.
        """
        if not examples:
            raise ElmokitError("no examples to evaluate on")
        answers = self.predict(examples, progress=progress)
        right = np.array([own.sense == found.sense for own, found in zip(examples, answers, strict=True)])
        usual = np.array([own.sense == self._first_sense(own.lemma) for own in examples])
        ambiguous = np.array([own.lemma in self.weights for own in examples])
        return SenseScores(
            num_examples=len(examples),
            accuracy=float(right.mean()),
            most_frequent_sense=float(usual.mean()),
            ambiguous_accuracy=_mean(right[ambiguous]),
            ambiguous_most_frequent_sense=_mean(usual[ambiguous]),
            num_ambiguous=int(ambiguous.sum()),
            num_unknown=sum(own.lemma not in self.senses for own in examples),
        )

    @checked
    def save(self, directory: str | Path) -> None:
        """Write the model; see :meth:`load`.

        Raises:
            OutputError: if it cannot be written, or something else is there.
        """
        lemmas = list(self.weights)
        values = {
            "method": self.method,
            "layer": self.layer,
            "senses": self.senses,
            "ambiguous": lemmas,
            "first_senses": self.first_senses,
        }
        tensors = (
            {"weights": torch.from_numpy(np.concatenate([self.weights[own] for own in lemmas]))}
            if lemmas
            else {}
        )
        names = "+".join(embedding.name for embedding in self.embeddings)
        card = sense_card(names, self.method, len(self.senses), len(lemmas))
        save_model(expanded(directory), _KIND, self.embeddings, values, tensors, card)

    @classmethod
    @checked
    def load(
        cls,
        directory: str | Path,
        *,
        embedding: str | None = None,
        device: str | torch.device = "cpu",
        progress: Progress = no_progress,
    ) -> SenseModel:
        """Load what :meth:`save` has written.

        Args:
            directory: the directory.
            embedding: where its embeddings are now; by default where they were.
            device: where biLMs run.
            progress: shows what is done.

        Raises:
            ModelFileError: if it is missing or damaged, or the embeddings are not those it was trained with.
        """
        saved = read_model(expanded(directory), _KIND)
        embeddings = embeddings_of_saved(saved, embedding, device=device, progress=progress)
        try:
            values = saved.values
            model = cls(
                embeddings,
                values["method"],
                values["layer"],
                {str(lemma): [str(own) for own in senses] for lemma, senses in values["senses"].items()},
                {},
                values["first_senses"],
            )
            start, table = 0, saved.tensors["weights"].numpy() if values["ambiguous"] else np.zeros((0, 0))
            for lemma in values["ambiguous"]:
                end = start + len(model.senses[lemma])
                model.weights[lemma] = table[start:end]
                start = end
            if start != len(table) or any(len(own) < 2 for own in model.weights.values()):
                raise ValueError("the weights do not fit the senses")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(f"{saved.path}/config.json: not what elmokit writes: {error}") from None
        return model

    def _answer(self, lemma: str, vector: np.ndarray) -> Answer:
        senses = self.senses.get(lemma)
        if senses is None:
            first = self.first_senses.get(lemma)
            return Answer(first, "unknown lemma" if first is None else "first sense", {})
        if len(senses) == 1:
            return Answer(senses[0], "only sense", {})
        scores = self.weights[lemma] @ np.append(vector, 1)
        if self.method == "logistic":
            scores = np.exp(scores - scores.max())
            scores /= scores.sum()
        named = {sense: float(score) for sense, score in zip(senses, scores, strict=True)}
        return Answer(senses[int(scores.argmax())], "vectors", named)

    def _first_sense(self, lemma: str) -> str | None:
        senses = self.senses.get(lemma)
        return senses[0] if senses else self.first_senses.get(lemma)

    def _vectors(self, examples: Sequence[SenseExample], progress: Progress) -> np.ndarray:
        """Return unit vectors (N, D) of the chosen layer."""
        for embedding in self.embeddings:
            if (
                self.layer is not None
                and embedding.is_contextual
                and not 0 <= self.layer < embedding.num_layers
            ):
                raise ConfigError(
                    f"layer: expected a number from 0 to {embedding.num_layers - 1} or the average, "
                    f"got {self.layer}"
                )
        with progress("embedding", len(examples), "sent") as bar:
            found = occurrence_vectors(
                self.embeddings, [example.occurrence for example in examples], on_sentences=bar.update
            )
        chosen = [
            own.mean(axis=1) if self.layer is None or own.shape[1] == 1 else own[:, self.layer]
            for own in found
        ]
        joined = np.concatenate(layers_of([own[:, None] for own in chosen]), axis=1)
        return joined / np.float32(np.sqrt(len(chosen)))


def _averages(vectors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the average direction of each sense, so that the product with a unit vector is the cosine."""
    means = np.stack([vectors[targets == own].mean(axis=0) for own in range(targets.max() + 1)])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return np.column_stack([means, np.zeros(len(means))]).astype(np.float32)


def _regression(vectors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return weights and bias of each sense."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("the method logistic", "downstream") from None
    # Unit vectors of D numbers are small beside the penalty of scikit-learn, which is on weights.
    scale = np.sqrt(vectors.shape[1])
    fitted = LogisticRegression(max_iter=1000).fit(vectors * scale, targets)
    weights, bias = fitted.coef_ * scale, fitted.intercept_
    if len(weights) == 1:  # two senses: the score of the second against the first
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    return np.column_stack([weights, bias]).astype(np.float32)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def read_first_senses(path: str) -> dict[str, str]:
    """Read a table with the columns ``lemma`` and ``sense``.

    Raises:
        TextError: with file and line.
    """
    table = Table(path)
    lemma, sense = table.need(["lemma", "word"]), table.need(_SENSE)
    return {row.values[lemma]: row.values[sense] for row in table.rows}

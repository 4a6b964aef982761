"""The task file of a comparison: what to learn from which data, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from elmokit.config.files import read_table
from elmokit.config.section import Section
from elmokit.config.validation import describe_errors
from elmokit.downstream.comparison.metrics import METRICS
from elmokit.downstream.embeddings.vector_settings import VectorSettings
from elmokit.errors import ConfigError
from elmokit.files.home import expanded

Kind = Literal["classify", "tag"]


class Task(Section):
    """A task: data, model and budget, the same for every embedding. Paths are relative to the task file."""

    kind: Kind = Field(description="classify: a label for each text; tag: a label for each token")
    name: str = Field("", description="title of the table; by default the name of the file")
    train: Path = Field(description="labeled data to train on")
    dev: Path = Field(description="labeled data for early stopping and for choosing settings")
    test: Path = Field(description="labeled data for the scores of the table, used for nothing else")
    positive_label: str | None = Field(
        None, description="F scores count only this label, by default all of them"
    )
    text_column: str | None = Field(None, description="column of the text; guessed by default")
    label_column: str | None = Field(None, description="column of the label; guessed by default")
    label_delimiter: str | None = Field(None, description="what separates the labels of a text with several")
    metric: str | None = Field(None, description=f"the score that counts: {', '.join(METRICS)}")
    embedding_text: tuple[str, ...] = Field(
        (), description="tokenized text on which word2vec and fastText are trained"
    )
    vectors: VectorSettings = Field(
        default_factory=VectorSettings, description="how word2vec and fastText are trained"
    )
    model: dict[str, JsonValue] = Field(
        default_factory=dict, description="settings of the classifier or tagger and of its training"
    )
    trials: int = Field(
        1, ge=1, le=10_000, description="number of settings tried on the dev data for each embedding"
    )
    search: dict[str, list[JsonValue]] = Field(
        default_factory=dict, description="values to try of settings in model"
    )

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, metric: str | None) -> str | None:
        if metric is not None and metric not in METRICS:
            raise ValueError(f"expected one of {', '.join(METRICS)}")
        return metric

    @model_validator(mode="after")
    def _trials_have_something_to_try(self) -> Self:
        empty = [name for name, values in self.search.items() if not values]
        if empty:
            raise ValueError(f"search.{empty[0]}: expected at least one value")
        if self.trials > 1 and not self.search:
            raise ValueError(f"trials = {self.trials}, but search lists no values to try")
        if self.search and self.trials == 1:
            raise ValueError("search lists values to try, but trials is 1: set trials to how many to try")
        return self


def read_task(path: str | Path) -> Task:
    """Read a task file.

    Args:
        path: a ``.toml`` or ``.json`` file.

    Raises:
        ConfigError: if the file cannot be read, with all errors in one message.
    """
    file = expanded(path)
    values = read_table(file)
    try:
        task = Task.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{file}: {describe_errors(error, Task.model_fields)}") from None
    here = file.parent
    found = task.model_copy(
        update={
            "name": task.name or file.stem,
            **{part: here / expanded(getattr(task, part)) for part in ("train", "dev", "test")},
            "embedding_text": tuple(_beside(here, text) for text in task.embedding_text),
        }
    )
    for part in ("train", "dev", "test"):
        if not (data := getattr(found, part)).is_file():
            raise ConfigError(f"{file}: {part}: no file {data}")
    return found


def _beside(directory: Path, text: str) -> str:
    """Return a path or glob relative to a directory; a URL stays as it is."""
    return text if "://" in text else str(directory / expanded(text))

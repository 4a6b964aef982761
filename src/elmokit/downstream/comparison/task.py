"""The task file of a comparison: what to learn from which data, and how."""

from __future__ import annotations

import re
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

TEST = "test"
"""The name of the test data beside those of ``transfer``."""
OUTCOMES = "outcomes"
"""The directory of the finished models among the results."""

_TEST_NAME = re.compile(r"[\w-]+")
_TAKEN_NAMES = (TEST, OUTCOMES)


class Task(Section):
    """A task: data, model and budget, the same for every embedding. Paths are relative to the task file."""

    kind: Kind = Field(description="classify: a label for each text; tag: a label for each token")
    name: str = Field("", description="title of the table; by default the name of the file")
    train: Path = Field(description="labeled data to train on")
    dev: Path = Field(description="labeled data for early stopping and for choosing settings")
    test: Path = Field(description="labeled data for the scores of the table, used for nothing else")
    transfer: dict[str, Path] = Field(
        default_factory=dict,
        description="more test data by name, such as of another domain: the same models, tables of their own",
    )
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

    @field_validator("transfer")
    @classmethod
    def _names_are_those_of_directories(cls, transfer: dict[str, Path]) -> dict[str, Path]:
        for name in transfer:
            if not _TEST_NAME.fullmatch(name) or name in _TAKEN_NAMES:
                raise ValueError(
                    f"expected names of letters, digits, - and _, other than {' and '.join(_TAKEN_NAMES)}, "
                    f"got {name!r}"
                )
        return transfer

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
            **{part: here / expanded(getattr(task, part)) for part in ("train", "dev", TEST)},
            "transfer": {name: here / expanded(path) for name, path in task.transfer.items()},
            "embedding_text": tuple(_beside(here, text) for text in task.embedding_text),
        }
    )
    files = {"train": found.train, "dev": found.dev, TEST: found.test}
    files |= {f"transfer.{name}": path for name, path in found.transfer.items()}
    for part, data in files.items():
        if not data.is_file():
            raise ConfigError(f"{file}: {part}: no file {data}")
    return found


def test_data(task: Task) -> dict[str, Path]:
    """Return the files of test data by name, the one of the table first."""
    return {TEST: task.test, **task.transfer}


def _beside(directory: Path, text: str) -> str:
    """Return a path or glob relative to a directory; a URL stays as it is."""
    return text if "://" in text else str(directory / expanded(text))

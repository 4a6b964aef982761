"""The configuration of a model and its training: typed, immutable, validated all at once.

It is read from a shipped configuration (``tiny``, ``small``, ``original``), a TOML or JSON file, or the
``options.json`` of bilm-tf, and can be changed by ``key=value`` overrides. The resolved configuration is
stored with every checkpoint and model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from elmokit.arguments import checked, strings
from elmokit.config import bilm_options
from elmokit.config.differences import list_differences
from elmokit.config.files import read_values
from elmokit.config.model import ModelConfig
from elmokit.config.overrides import apply_override, field_paths, list_of_overrides
from elmokit.config.recipes import BILM_RECIPE
from elmokit.config.section import Section
from elmokit.config.training import CHANGEABLE_IN_A_RUN, DIVISION_OF_ROWS, TrainingConfig
from elmokit.config.validation import describe_errors
from elmokit.errors import ConfigError
from elmokit.files.atomic import write_text
from elmokit.files.home import expanded


class Config(Section):
    """A model and its training."""

    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)

    def __repr__(self) -> str:
        model, training = self.model, self.training
        encoder = "word embeddings" if model.char_cnn is None else "character CNN"
        return (
            f"Config({encoder}, {model.lstm.num_layers} LSTM layers {model.lstm.cell_dim} → "
            f"{model.lstm.projection_dim}, {'bidirectional' if model.bidirectional else 'forward only'}; "
            f"{training.optimizer}, batch_size={training.batch_size}, unroll_steps={training.unroll_steps})"
        )

    def __str__(self) -> str:
        return repr(self)

    @classmethod
    @checked
    def parse(cls, values: Mapping[str, Any], *, source: str) -> Config:
        """Validate nested settings.

        Args:
            values: The settings.
            source: Name of the configuration for error messages.

        Raises:
            ConfigError: With all errors in one message, and the nearest name for an unknown key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            names = {path[-1] for path in field_paths(cls)}
            raise ConfigError(f"{source}: {describe_errors(error, names)}") from None

    @classmethod
    @checked
    def load(cls, name: str | Path, overrides: Sequence[str] = ()) -> Config:
        """Read a shipped configuration, a TOML or JSON file, or the ``options.json`` of bilm-tf.

        Args:
            name: ``tiny``, ``small``, ``original``, or the path of a file.
            overrides: Changes as ``key=value`` strings. A key is a full path (``training.batch_size``) or a
                unique last name (``batch_size``); a value is TOML (``3``, ``0.1``, ``true``, ``[[1, 8]]``), a
                bare word, or ``null``. ``recipe=...`` replaces all settings of the file that a recipe
                determines.

        Raises:
            ConfigError: If the file cannot be read or a setting is invalid.
        """
        return cls._with_overrides(read_values(name), overrides, source=str(name))

    @classmethod
    def of_model(cls, options: Path) -> Config:
        """Read the options of a trained model, which other tools may have written.

        Args:
            options: As for :meth:`load`. Settings that elmokit does not know are ignored, unless they change
                what the model computes.

        Raises:
            ConfigError: If the file cannot be read, a setting is invalid, or elmokit has no such model.

        Warns:
            UnknownSettingsWarning: With the names of the settings that are ignored.
        """
        return cls.parse(read_values(options, of_model=True), source=str(options))

    @checked
    def changed(self, overrides: Sequence[str], *, source: str) -> Config:
        """Return this configuration with overrides.

        Args:
            overrides: Changes as ``key=value`` strings, see :meth:`load`.
            source: Name of the configuration for error messages.

        Raises:
            ConfigError: If a setting is invalid.
        """
        return self._with_overrides(self.model_dump(), overrides, source=source)

    @classmethod
    def _with_overrides(cls, values: dict[str, Any], overrides: Sequence[str], *, source: str) -> Config:
        overrides = strings("overrides", overrides)
        paths = {path[-1]: path for path in sorted(field_paths(cls), key=len, reverse=True)}
        training = values.get("training")
        overrides = list_of_overrides(overrides)
        if isinstance(training, dict) and any(map(_is_recipe, overrides)):
            for name in BILM_RECIPE:
                training.pop(name, None)
        problems = []
        for override in overrides:
            try:
                apply_override(values, override, paths)
            except ConfigError as error:
                problems.append(str(error))
        try:
            config = cls.parse(values, source=source)
        except ConfigError as error:
            problems.append(str(error))
        if not problems:
            return config
        raise ConfigError(problems[0] if len(problems) == 1 else "; ".join(problems))

    @checked
    def save(self, path: str | Path) -> None:
        """Write the resolved configuration as JSON.

        Raises:
            OutputError: If it cannot be written.
        """
        write_text(expanded(path), self.model_dump_json(indent=2) + "\n")

    @checked
    def for_vocabulary(self, num_words: int) -> Self:
        """Return the configuration with the full softmax if sampling would cover half of the vocabulary.

        Args:
            num_words: Size of the output vocabulary.
        """
        if self.training.num_negatives < num_words / 2:
            return self
        training = self.training.model_copy(update={"num_negatives": 0})
        return self.model_copy(update={"training": training})

    @checked
    def to_bilm_options(self, *, num_words: int | None = None) -> dict[str, Any]:
        """Return the ``options.json`` that describes this configuration to other ELMo tools.

        Args:
            num_words: Size of the output vocabulary.

        Raises:
            ConfigError: If the format of bilm-tf cannot describe such a model.
        """
        return bilm_options.options_from_values(self.model_dump(), num_words=num_words)

    def differences(self, other: Config) -> list[str]:
        """Return the differences that prevent a run from being resumed, as ``key: mine, other``.

        Settings that do not affect what has been computed so far are ignored, and so is how the rows of an
        update are divided.
        """
        rows, other_rows = self.training.num_rows, other.training.num_rows
        ignored = CHANGEABLE_IN_A_RUN | (set(DIVISION_OF_ROWS) if rows == other_rows else set())
        mine, theirs = (config.model_dump(exclude={"training": ignored}) for config in (self, other))
        differences = list_differences(mine, theirs)
        if rows != other_rows and {rows, other_rows} != {self.training.batch_size, other.training.batch_size}:
            differences.append(f"{' x '.join(DIVISION_OF_ROWS)}: {rows}, {other_rows}")
        return differences

    def model_differences(self, other: Config) -> list[str]:
        """Return the differences between the geometries, as ``key: mine, other``."""
        return list_differences(self.model.model_dump(), other.model.model_dump())


def _is_recipe(override: str) -> bool:
    return override.partition("=")[0] in ("recipe", "training.recipe")

"""Every setting of a model and of its training: typed, immutable, validated all at once.

A configuration comes from the name of a shipped one (``tiny``, ``small``, ``original``), from a TOML
or JSON file, or from the ``options.json`` of the original bilm-tf, and can be changed by
``key=value`` overrides. The resolved configuration travels with every checkpoint and model.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from elmokit.config import bilm_options
from elmokit.config.files import read_values
from elmokit.config.overrides import apply_override, field_paths
from elmokit.config.recipes import BILM_RECIPE
from elmokit.errors import ConfigError

# Far above any sensible model: a damaged file shall not ask for memory or time without end.
_WIDEST = 1 << 20
_DEEPEST = 100
_WIDEST_CLIP = 1e9  # far from where single precision ends


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CharCnnConfig(_Section):
    """The character encoder: one vector per word type from its UTF-8 bytes (Kim et al. 2016)."""

    embedding_dim: int = Field(16, ge=1, le=_WIDEST, description="width of a character embedding")
    filters: tuple[tuple[int, int], ...] = Field(
        ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)),
        description="(width, number) of the convolution filters",
    )
    activation: Literal["relu", "tanh"] = Field("relu", description="activation after max-pooling")
    num_highway: int = Field(2, ge=0, le=_DEEPEST, description="number of highway layers")
    max_characters: int = Field(
        50, ge=3, le=10_000, description="places for a word's bytes and its two markers"
    )

    @property
    def num_filters(self) -> int:
        """Width F of the concatenated convolutions."""
        return sum(number for _, number in self.filters)

    @field_validator("filters")
    @classmethod
    def _filters_are_positive(cls, filters: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if not filters:
            raise ValueError("needs at least one [width, number] pair")
        if any(width < 1 or number < 1 for width, number in filters):
            raise ValueError("every [width, number] must be at least [1, 1]")
        if len(filters) > _DEEPEST or any(number > _WIDEST for _, number in filters):
            raise ValueError(f"at most {_DEEPEST} pairs of at most {_WIDEST} filters")
        return filters

    @model_validator(mode="after")
    def _filters_fit_the_word(self) -> Self:
        widest = max(width for width, _ in self.filters)
        if widest > self.max_characters:
            raise ValueError(f"a filter of width {widest} does not fit max_characters={self.max_characters}")
        return self


class LstmConfig(_Section):
    """The stacked LSTMs of one direction, with projection (Sak et al. 2014)."""

    cell_dim: int = Field(4096, ge=1, le=_WIDEST, description="width of the cell state")
    projection_dim: int = Field(
        512, ge=1, le=_WIDEST, description="width of a layer's output; no projection if = cell_dim"
    )
    num_layers: int = Field(2, ge=1, le=_DEEPEST, description="number of LSTM layers in each direction")
    cell_clip: float | None = Field(
        3.0, gt=0, le=_WIDEST_CLIP, description="bound on the cell state; null for none"
    )
    projection_clip: float | None = Field(
        3.0, gt=0, le=_WIDEST_CLIP, description="bound on the projection; null for none"
    )
    skip_connections: bool = Field(True, description="add a layer's input to its output from layer 2 on")


class LexiconConfig(_Section):
    """An alphabet and words of a model's own, as those of ELMoForManyLangs (Che et al. 2018)."""

    num_symbols: int | None = Field(None, ge=1, description="entries of the alphabet; null for no characters")
    num_words: int | None = Field(None, ge=1, description="words with a vector of their own; null for none")
    word_dim: int = Field(0, ge=0, le=_WIDEST, description="width of such a vector")


class ModelConfig(_Section):
    """The geometry of a biLM."""

    char_cnn: CharCnnConfig | None = Field(
        default_factory=CharCnnConfig, description="character encoder; null for word embeddings"
    )
    lstm: LstmConfig = Field(default_factory=LstmConfig)
    bidirectional: bool = Field(True, description="train a backward language model too")
    lexicon: LexiconConfig | None = Field(
        None, description="alphabet and words of its own; null for UTF-8 bytes, or the vocabulary's words"
    )
    tie_softmax: bool = Field(False, description="share the softmax weights with the word embeddings")

    @property
    def num_directions(self) -> int:
        """2 for a biLM, 1 for a forward language model."""
        return 2 if self.bidirectional else 1

    @model_validator(mode="after")
    def _the_lexicon_has_what_is_read(self) -> Self:
        if self.lexicon is None:
            return self
        if (self.char_cnn is None) != (self.lexicon.num_symbols is None):
            raise ValueError("char_cnn and lexicon.num_symbols need each other")
        if (self.lexicon.num_words is None) != (self.lexicon.word_dim == 0):
            raise ValueError("lexicon.num_words and lexicon.word_dim need each other")
        if self.char_cnn is None and self.lexicon.num_words is None:
            raise ValueError("a lexicon needs an alphabet or words")
        return self

    @model_validator(mode="after")
    def _only_words_are_tied(self) -> Self:
        if self.tie_softmax and (self.char_cnn is not None or self.lexicon is not None):
            raise ValueError("tie_softmax needs word embeddings: set char_cnn to null")
        return self


class TrainingConfig(_Section):
    """How a biLM is trained.

    ``recipe`` says which values the settings have that are not given: the defaults below are those of
    ``adam``; ``bilm`` is the recipe of Peters et al. 2018, exactly.
    """

    recipe: Literal["adam", "bilm"] = Field(
        "adam", description="adam: few tokens to a given perplexity; bilm: the original's, exactly"
    )

    batch_size: int = Field(32, ge=1, description="lanes: sentences streams read side by side")
    unroll_steps: int = Field(20, ge=1, description="time steps of truncated backpropagation")
    num_epochs: int = Field(10, ge=1, description="passes over the training text")
    max_steps: int | None = Field(None, ge=1, description="stop after so many updates; null for no limit")
    optimizer: Literal["adam", "adagrad"] = Field("adam", description="adam or adagrad")
    learning_rate: float = Field(0.015, gt=0, description="the highest of the run")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="cosine: the rate falls to zero towards the end of the run; or it is constant"
    )
    warmup: float = Field(
        0.1, ge=0, lt=1, description="share of the run in which the learning rate rises from zero"
    )
    initial_accumulator: float = Field(1.0, gt=0, description="where Adagrad's accumulators start")
    clip_norm: float = Field(20.0, gt=0, description="bound on the gradient norm of loss x unroll_steps")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropped share of each LSTM input and top output")
    unigram_bias: bool = Field(
        True, description="a new softmax starts from the frequencies of the words, not from a uniform guess"
    )
    state_reset: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="chance that a lane starts a window from a zero state, as sentences to be embedded do",
    )
    num_negatives: int = Field(
        8192, ge=0, description="candidates of the sampled softmax; 0 for the full softmax"
    )
    shuffle: bool = Field(True, description="read the sentences in a new random order each epoch")
    blank_lines: Literal["skip", "keep"] = Field(
        "skip", description="keep: an empty line is an empty sentence, as in bilm-tf"
    )
    seed: int = Field(0, ge=0, description="of weights, order, dropout and sampling")
    evaluations_per_epoch: int = Field(4, ge=1, description="heldout evaluations (and checkpoints) per epoch")
    checkpoint_minutes: float = Field(10.0, gt=0, description="a checkpoint at least this often")
    patience: int | None = Field(
        None, ge=1, description="stop after so many heldout evaluations without improvement; null for never"
    )
    non_finite: Literal["rollback", "stop"] = Field(
        "rollback",
        description="after too many batches whose loss or gradient is not finite: go back to the last "
        "checkpoint with half the learning rate, or stop",
    )
    non_finite_limit: int = Field(3, ge=1, description="such batches in a row that are skipped before that")
    log_interval: int = Field(10, ge=1, description="steps between two lines of metrics")
    histogram_interval: int = Field(
        1000, ge=0, description="steps between two histograms of weights and activations; 0 for none"
    )
    freeze: tuple[str, ...] = Field(
        (), description="names or patterns of parameters that are not trained, such as encoder"
    )
    replay_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the predictions that come from the replayed text, if there is any",
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")

    @model_validator(mode="before")
    @classmethod
    def _settings_of_the_recipe(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("recipe") == "bilm":
            return {**BILM_RECIPE, **values}
        return values


_CHANGEABLE_IN_A_RUN = {
    "num_epochs",
    "max_steps",
    "learning_rate",
    "clip_norm",
    "evaluations_per_epoch",
    "checkpoint_minutes",
    "patience",
    "non_finite",
    "non_finite_limit",
    "log_interval",
    "histogram_interval",
    "device",
}


class Config(_Section):
    """A model and its training."""

    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, source: str) -> Config:
        """Validate nested ``values``; ``source`` names them in the error.

        Raises:
            ConfigError: with every fault in one message, and the nearest name for an unknown key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"{source}: {_describe(error)}") from None

    @classmethod
    def load(cls, name: str | Path, overrides: Sequence[str] = ()) -> Config:
        """Read a shipped configuration, a TOML or JSON file, or a bilm-tf ``options.json``.

        Args:
            name: ``tiny``, ``small``, ``original`` or a path.
            overrides: ``key=value`` strings; a key is a full path (``training.batch_size``) or a last
                name that is unique (``batch_size``); values are TOML (``3``, ``0.1``, ``true``,
                ``[[1, 8]]``, a bare word) or ``null``. ``recipe=...`` takes back what the file says of
                the settings that a recipe determines.

        Raises:
            ConfigError: when the file cannot be read or any setting is wrong.
        """
        return cls._with_overrides(read_values(name), overrides, source=str(name))

    def changed(self, overrides: Sequence[str], *, source: str) -> Config:
        """This configuration with ``key=value`` overrides as :meth:`load` takes them.

        Raises:
            ConfigError: when a setting is wrong; ``source`` names the configuration.
        """
        return self._with_overrides(self.model_dump(), overrides, source=source)

    @classmethod
    def _with_overrides(cls, values: dict[str, Any], overrides: Sequence[str], *, source: str) -> Config:
        paths = {path[-1]: path for path in sorted(field_paths(cls), key=len, reverse=True)}
        training = values.get("training")
        if isinstance(training, dict) and any(map(_is_recipe, overrides)):
            for name in BILM_RECIPE:
                training.pop(name, None)
        for override in overrides:
            apply_override(values, override, paths)
        return cls.parse(values, source=source)

    def save(self, path: Path) -> None:
        """Write the resolved configuration as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def for_vocabulary(self, num_words: int) -> Self:
        """The full softmax, which is exact, in place of one that samples half of ``num_words`` or more."""
        if self.training.num_negatives < num_words / 2:
            return self
        training = self.training.model_copy(update={"num_negatives": 0})
        return self.model_copy(update={"training": training})

    def to_bilm_options(self, *, num_words: int | None = None) -> dict[str, Any]:
        """The ``options.json`` that describes this configuration to every ELMo tool.

        Args:
            num_words: size of the output vocabulary.
        """
        return bilm_options.options_from_values(self.model_dump(), num_words=num_words)

    def differences(self, other: Config) -> list[str]:
        """The settings that a run cannot change when it goes on, as ``key: mine, other``.

        Those that touch nothing of what has been computed so far are left out.
        """
        return _differences(
            *(config.model_dump(exclude={"training": _CHANGEABLE_IN_A_RUN}) for config in (self, other))
        )

    def model_differences(self, other: Config) -> list[str]:
        """In what the geometries differ, as ``key: mine, other``."""
        return _differences(self.model.model_dump(), other.model.model_dump())


def _is_recipe(override: str) -> bool:
    return override.partition("=")[0] in ("recipe", "training.recipe")


def _differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    mine, theirs = _flatten(mine), _flatten(theirs)
    return [
        f"{key}: {mine.get(key)!r}, {theirs.get(key)!r}"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _describe(error: ValidationError) -> str:
    """All faults of a validation in one line."""
    names = {path[-1] for path in field_paths(Config)}
    faults = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(fault["loc"][-1]), names, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            faults.append(f"{key}: unknown setting{hint}")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            got = "" if isinstance(fault["input"], dict | BaseModel) else f", got {fault['input']!r}"
            faults.append(f"{key}: {message}{got}")
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return f"{count}: " + "; ".join(faults)

"""Settings of training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from elmokit.config.recipes import BILM_RECIPE
from elmokit.config.section import LARGEST_SEED, Section, about
from elmokit.kernels.precisions import TrainingPrecision

CHANGEABLE_IN_A_RUN = {
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
    "threads",
    "gradient_communication",
    "rank_timeout",
}
"""Settings that may change when a run is resumed: they do not affect what has been computed so far."""

DIVISION_OF_ROWS = ("batch_size", "accumulation_steps", "num_processes")
"""Settings that may change when a run is resumed, if their product stays the same: the rows of an update."""


class TrainingConfig(Section):
    """How a biLM is trained.

    ``recipe`` determines the values of settings that are not given: the defaults below are those of ``adam``;
    ``bilm`` is exactly the recipe of Peters et al. 2018.
    """

    recipe: Literal["adam", "bilm"] = Field(
        "adam",
        description="adam: few tokens to reach a given perplexity; bilm: exactly the original recipe",
        json_schema_extra=about(group="optimizer"),
    )
    batch_size: int = Field(
        32,
        ge=1,
        description="number of batch rows, each of which reads sentence after sentence; those that one "
        "process computes together",
        json_schema_extra=about(unit="rows", group="run"),
    )
    accumulation_steps: int = Field(
        1,
        ge=1,
        description="number of batches whose gradients are added before an update, as if they were one batch "
        "of as many times batch_size rows",
        json_schema_extra=about(unit="batches", group="run"),
    )
    num_processes: int = Field(
        1,
        ge=1,
        description="number of processes, each on its own GPU if there are any, that compute "
        "accumulation_steps batches of batch_size rows each for every update",
        json_schema_extra=about(unit="processes", group="several processes"),
    )
    gradient_communication: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="number format in which processes exchange gradients; bfloat16 halves the traffic and "
        "rounds the gradient",
        json_schema_extra=about(group="several processes"),
    )
    rank_timeout: float = Field(
        60.0,
        gt=0,
        description="longest time that a process waits for the others in a step before it gives up",
        json_schema_extra=about(unit="seconds", group="several processes"),
    )
    unroll_steps: int = Field(
        20,
        ge=1,
        description="time steps of truncated backpropagation",
        json_schema_extra=about(unit="time steps", group="run"),
    )
    num_epochs: int = Field(
        10,
        ge=1,
        description="passes over the training text",
        json_schema_extra=about(unit="epochs", group="run"),
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        description="stop after this many updates; null for no limit",
        json_schema_extra=about(unit="steps", group="run"),
    )
    optimizer: Literal["adam", "adagrad", "muon"] = Field(
        "adam",
        description="adam, adagrad, or muon: orthogonalized updates for the matrices of the LSTMs, adam for "
        "all else",
        json_schema_extra=about(group="optimizer"),
    )
    learning_rate: float = Field(
        0.015,
        gt=0,
        description="highest learning rate of the run",
        json_schema_extra=about(group="optimizer"),
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine",
        description="cosine or linear: the learning rate decays to zero at the end of the run, as half a "
        "cosine or in a straight line; or constant",
        json_schema_extra=about(group="optimizer"),
    )
    warmup: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the run in which the learning rate rises from zero",
        json_schema_extra=about(unit="share of the run", group="optimizer"),
    )
    initial_accumulator: float = Field(
        1.0,
        gt=0,
        description="initial value of Adagrad's accumulators",
        json_schema_extra=about(group="optimizer"),
    )
    clip_norm: float = Field(
        20.0,
        gt=0,
        description="bound on the global norm of the gradient of loss x unroll_steps",
        json_schema_extra=about(group="optimizer"),
    )
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="dropout rate of each LSTM layer's input and of the top layer's output",
        json_schema_extra=about(unit="probability", group="regularization and robustness"),
    )
    unigram_bias: bool = Field(
        True,
        description="initialize the bias of a new softmax with the log frequencies of the words",
        json_schema_extra=about(group="optimizer"),
    )
    state_reset: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="probability that a batch row starts a window with a zero state, as in embedding",
        json_schema_extra=about(unit="probability", group="regularization and robustness"),
    )
    num_negatives: int = Field(
        8192,
        ge=0,
        description="negative samples of the sampled softmax; 0 for the full softmax",
        json_schema_extra=about(unit="words", group="text and vocabulary"),
    )
    shuffle: bool = Field(
        True,
        description="read the sentences in a new random order in each epoch",
        json_schema_extra=about(group="text and vocabulary"),
    )
    blank_lines: Literal["skip", "keep"] = Field(
        "skip",
        description="keep: a blank line is an empty sentence, as in bilm-tf; or skip",
        json_schema_extra=about(group="text and vocabulary"),
    )
    seed: int = Field(
        0,
        ge=0,
        le=LARGEST_SEED,
        description="seed of initial weights, order of sentences, dropout and negative samples",
        json_schema_extra=about(group="run"),
    )
    evaluations_per_epoch: int = Field(
        4,
        ge=1,
        description="evaluations on the heldout text per epoch, each with a checkpoint",
        json_schema_extra=about(unit="per epoch", group="records and checkpoints"),
    )
    checkpoint_minutes: float = Field(
        10.0,
        gt=0,
        description="longest time between checkpoints, in minutes",
        json_schema_extra=about(unit="minutes", group="records and checkpoints"),
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after this many heldout evaluations without improvement; null for never",
        json_schema_extra=about(unit="evaluations", group="run"),
    )
    non_finite: Literal["rollback", "stop"] = Field(
        "rollback",
        description="after non_finite_limit batches in a row whose loss or gradient is not finite: "
        "rollback (return to the last checkpoint with half the learning rate) or stop",
        json_schema_extra=about(group="regularization and robustness"),
    )
    non_finite_limit: int = Field(
        3,
        ge=1,
        description="number of such batches in a row; fewer of them are skipped",
        json_schema_extra=about(unit="batches", group="regularization and robustness"),
    )
    log_interval: int = Field(
        10,
        ge=1,
        description="steps between two entries of the metrics log",
        json_schema_extra=about(unit="steps", group="records and checkpoints"),
    )
    histogram_interval: int = Field(
        1000,
        ge=0,
        description="steps between two histograms of weights and activations; 0 for none",
        json_schema_extra=about(unit="steps", group="records and checkpoints"),
    )
    freeze: tuple[str, ...] = Field(
        (),
        description="names or patterns of parameters that are not trained, for example encoder",
        json_schema_extra=about(unit="patterns", group="regularization and robustness"),
    )
    replay_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the predictions that are from the replayed text, if there is one",
        json_schema_extra=about(unit="share of predictions", group="text and vocabulary"),
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N", json_schema_extra=about(group="run"))
    precision: TrainingPrecision = Field(
        "float32",
        description="of the matrix products: float32, or bf16 where the processor has it (factors are "
        "rounded to bfloat16; sums, weights and updates stay float32)",
        json_schema_extra=about(group="run"),
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="number of CPU threads to compute with; null for as many as PyTorch chooses",
        json_schema_extra=about(unit="threads", group="run"),
    )

    @property
    def num_rows(self) -> int:
        """The batch rows of an update, on all processes."""
        return self.rows_per_process * self.num_processes

    @property
    def rows_per_process(self) -> int:
        """The batch rows of an update that one process reads."""
        return self.batch_size * self.accumulation_steps

    @model_validator(mode="before")
    @classmethod
    def _settings_of_the_recipe(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("recipe") == "bilm":
            return {**BILM_RECIPE, **values}
        return values

"""Incremental training: continue from any model, on new text and with a new vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from torch import Tensor, nn

from elmokit.arguments import checked, instance_of, strings
from elmokit.config import Config, TrainingConfig
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, VocabularyError
from elmokit.pretrained import OptimizerState, PretrainedModel
from elmokit.training.optimizer import RowOptimizer
from elmokit.training.parameter_names import matching_names
from elmokit.training.trainer import Trainer
from elmokit.training.warm_start.matching import matched_bias
from elmokit.training.warm_start.report import Outcome, RestartReport, TensorReport
from elmokit.training.warm_start.transplant import WordMatch, rows_of_new_words

_BIAS = "softmax.bias"
_SOFTMAX_TENSORS = ("softmax.weight", _BIAS)
_WORD_TENSORS = ("encoder.weight", *_SOFTMAX_TENSORS)  # whose rows are words

NUM_MATCHED_PREDICTIONS = 25_000
"""Predictions on the new text that are averaged; the mean hardly changes with more."""
_BATCHES_TO_WARM_UP = 3
_HIGHEST_RATE, _WARMUP = 0.01, 0.02  # docs/incremental.md has the measurements behind them


@checked
def restart_config(
    source: PretrainedModel, name: str | Path | None = None, overrides: Sequence[str] = ()
) -> Config:
    """Return the configuration for continued training of a model.

    The geometry is the model's. The other settings are those of the model's own training except its length,
    those of another configuration, or the defaults. When the schedule of the earlier training is run again,
    its warm-up is shorter and its peak lower: the optimizer's state is restored, and a high rate would
    destroy what has been learned. What several processes computed, one computes by accumulating gradients,
    unless ``overrides`` set ``num_processes``.

    Args:
        source: the model.
        name: name or file of another configuration; None for the model's own settings, or for the defaults
            if nothing is known about its training, as with HDF5 weights.
        overrides: ``key=value`` strings.

    Raises:
        ConfigError: when a setting is wrong, or would change the geometry, or the model cannot be trained.
    """
    instance_of("source", source, PretrainedModel, "a model of load()")
    overrides = strings("overrides", overrides)
    if source.lexicon is not None:
        raise ConfigError(
            f"{source.source}: a model with its own alphabet or word list (ELMoForManyLangs) can be used but "
            "not trained: start a new run"
        )
    if name is None:
        own = source.config if source.facts else Config(model=source.config.model)
        changes = ["max_steps=null", *_on_one_process(own.training, overrides)]
        if source.optimizer_state is not None and own.training.schedule != "constant":
            rate = min(own.training.learning_rate, _HIGHEST_RATE)
            changes += [f"learning_rate={rate}", f"warmup={_WARMUP}"]
        config = own.changed(changes, source=str(source.source)).changed(overrides, source=str(source.source))
    else:
        config = Config.load(name, overrides)
    _refuse_another_geometry(source, config)
    return config


def _on_one_process(training: TrainingConfig, overrides: Sequence[str]) -> list[str]:
    """Return the changes with which one process computes the same updates.

    How many processes a model was trained on says nothing about the machine that continues.
    """
    names = {override.partition("=")[0].rpartition(".")[2] for override in overrides}
    if training.num_processes == 1 or names & {"num_processes", "n_gpus"}:
        return []
    return ["num_processes=1", f"accumulation_steps={training.accumulation_steps * training.num_processes}"]


def restart_vocabulary(source: PretrainedModel, file: str | Path | None = None) -> Vocabulary:
    """Return the vocabulary for continued training of a model.

    Lines of the model's vocabulary that no token can match are left out: a new run would not accept them.

    Args:
        source: the model.
        file: another vocabulary, or the model's own; None for the model's own.

    Raises:
        ModelFileError: when the model's vocabulary is not known.
        VocabularyError: when the file is not a valid vocabulary.
        TextError: when the file cannot be read or is not UTF-8.
    """
    if file is None:
        return source.require_vocabulary().without_unreachable()
    try:
        return Vocabulary.load(file)
    except VocabularyError:
        own = source.vocabulary
        if own is None or Vocabulary.load_in_any_order(file, len(own))[0] != own:
            raise
        return own.without_unreachable()


def missing_for_restart(source: PretrainedModel, *, has_recipe: bool) -> str | None:
    """Return a warning if a model comes without what continued training needs, and what to do about it.

    Args:
        source: the model.
        has_recipe: whether the settings of the training are given, so that those of the model do not matter.
    """
    problems, remedies = [], []
    if source.vocabulary is None:
        problems.append("its vocabulary is not known, so all words start from scratch")
        remedies.append("give it with --restart-vocab-file")
    elif source.model.softmax is None:
        problems.append("it has no softmax, so the output layer starts from scratch")
    if not source.facts and not has_recipe:
        problems.append("nothing is known of its training, so the defaults are used")
    if not problems:
        return None
    if source.model.softmax is None or not source.facts:
        remedies.append("continue from the directory of the training run")
        remedies.append("write the model with elmokit convert --format bilm, which includes the softmax")
    return f"{source.source}: {'; '.join(problems)}: {', or '.join(remedies)}"


@checked
def restart(
    trainer: Trainer,
    source: PretrainedModel,
    *,
    exclude: Sequence[str] = (),
    reset_optimizer: bool = False,
    on_predictions: Callable[[int], None] | None = None,
) -> RestartReport:
    """Initialize a new run from a model.

    Tensors that do not depend on the vocabulary are restored. Tensors whose rows are words are transplanted:
    words of both vocabularies keep their rows, and new words are initialized as
    :mod:`elmokit.training.warm_start.transplant` describes. The optimizer's state is restored too if the
    source has one and the run uses the same optimizer. Finally, the softmax's bias is shifted so that words
    are predicted as often as they occur in the new text.

    Args:
        trainer: a new trainer with the model's geometry and any vocabulary.
        source: loaded with ``load(..., optimizer=True)`` to restore the optimizer's state.
        exclude: names or patterns of parameters to initialize from scratch; see
            :func:`~elmokit.training.parameter_names.matching_names`.
        reset_optimizer: do not restore the optimizer's state.
        on_predictions: called with the number of predictions made since the last call while the bias is
            measured, about :data:`NUM_MATCHED_PREDICTIONS` in total.

    Raises:
        ConfigError: when the geometries differ, or a pattern matches no parameter.
    """
    _refuse_another_geometry(source, trainer.config)
    parameters = dict(trainer.model.named_parameters())
    stored = dict(source.model.named_parameters())
    excluded = matching_names(exclude, parameters, setting="exclude")
    match = None if source.vocabulary is None else WordMatch.of(source.vocabulary, trainer.vocabulary)
    state, optimizer = _usable_state(source, trainer.optimizer, reset_optimizer)

    reports = [
        _report(name, parameter, source, match, state, trainer.config.training, is_excluded=name in excluded)
        for name, parameter in parameters.items()
    ]
    values: dict[str, Tensor] = {}
    slots: dict[str, Tensor] = {}
    for report in reports:
        name = report.name
        if report.outcome == "restored":
            values[name] = stored[name]
        elif report.outcome == "transplanted":
            assert match is not None
            new_rows = rows_of_new_words(name, source, trainer.vocabulary, match)
            values[name] = match.transplant(stored[name], new_rows)
        if state is not None and report.optimizer != "fresh":
            for slot, remembered_of in state.slots.items():
                remembered = remembered_of[name]
                if report.optimizer == "transplanted":
                    assert match is not None
                    remembered = match.transplant(remembered, trainer.optimizer.initial_value)
                slots[f"{name}/{slot}"] = remembered
    num_updates = 0 if state is None else state.num_updates
    trainer.start_from(values, slots, num_updates)
    if any(report.is_shifted for report in reports):
        num_batches = -(-NUM_MATCHED_PREDICTIONS // trainer.predictions_per_step)
        bias = matched_bias(
            trainer.model,
            trainer.texts.training,
            islice(trainer.texts.stream(), _BATCHES_TO_WARM_UP + num_batches),
            num_warm_up=_BATCHES_TO_WARM_UP,
            on_predictions=on_predictions,
        )
        trainer.start_from({_BIAS: bias}, {}, num_updates)
    return RestartReport(str(source.source), trainer.optimizer.num_updates, optimizer, tuple(reports))


def _refuse_another_geometry(source: PretrainedModel, config: Config) -> None:
    differences = source.config.model_differences(config)
    if differences:
        raise ConfigError(
            f"{source.source}: continued training cannot change the geometry (model, given): "
            + "; ".join(differences)
            + ": leave these out, or start a new run"
        )


def _usable_state(
    source: PretrainedModel, optimizer: RowOptimizer, reset_optimizer: bool
) -> tuple[OptimizerState | None, str]:
    """Return the optimizer's state to restore, if any, and the reason in words."""
    state = source.optimizer_state
    if reset_optimizer:
        return None, f"{optimizer.kind}, fresh, as requested"
    if state is None:
        return None, f"{optimizer.kind}, fresh: the model has no optimizer state"
    if state.kind != optimizer.kind:
        return None, f"{optimizer.kind}, fresh: the model was trained with {state.kind}"
    return state, f"{optimizer.kind}, restored after {state.num_updates:,} updates"


def _report(
    name: str,
    parameter: nn.Parameter,
    source: PretrainedModel,
    match: WordMatch | None,
    state: OptimizerState | None,
    training: TrainingConfig,
    *,
    is_excluded: bool,
) -> TensorReport:
    outcome, reason = _outcome(name, source, match, is_excluded=is_excluded)
    is_kept = outcome in ("restored", "transplanted")
    # New words have no bias yet. A recipe that starts from word frequencies continues from the new ones.
    is_shifted = name == _BIAS and is_kept and (outcome == "transplanted" or training.unigram_bias)
    if is_shifted:
        reason += "; shifted to the word frequencies of the new text"
    if not parameter.requires_grad:
        reason += "; frozen"
    counted = match if outcome == "transplanted" else None
    return TensorReport(
        name,
        tuple(parameter.shape),
        outcome,
        outcome if is_kept and state is not None else "fresh",
        reason,
        num_kept=None if counted is None else counted.num_kept,
        num_new=None if counted is None else counted.num_new,
        num_dropped=None if counted is None else counted.num_dropped,
        is_shifted=is_shifted,
    )


def _outcome(
    name: str, source: PretrainedModel, match: WordMatch | None, *, is_excluded: bool
) -> tuple[Outcome, str]:
    """Return what happens to a parameter, and why."""
    if is_excluded:
        return "excluded", "as requested"
    if name in _SOFTMAX_TENSORS and source.model.softmax is None:
        return "fresh", "the model has no softmax"
    if name not in _WORD_TENSORS:
        return "restored", "does not depend on the vocabulary"
    if match is None:
        return "fresh", "the words of its rows are not known: " + (
            source.vocabulary_problem or "there is no vocabulary beside the model"
        )
    if match.is_identity:
        return "restored", "the vocabulary is the same"
    return "transplanted", "its rows are words"

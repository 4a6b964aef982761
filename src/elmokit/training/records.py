"""What a run writes to its journal after a step."""

from __future__ import annotations

from elmokit.config import TrainingConfig
from elmokit.model.bilm import BiLMOutput
from elmokit.training.journal import Journal, NoJournal
from elmokit.training.length import RunLength
from elmokit.training.state import TrainingState


def record_step(
    journal: Journal | NoJournal,
    state: TrainingState,
    length: RunLength,
    training: TrainingConfig,
    output: BiLMOutput,
    gradient_norm: float,
) -> None:
    """Write the figures since the last record, and histograms, if it is time for them.

    Args:
        journal: of the run.
        state: after the step.
        length: of the run.
        training: says how often to write.
        output: of the model in this step.
        gradient_norm: before clipping.
    """
    step, recent = state.counters.step, state.recent
    if step % training.log_interval == 0 or step == length.num_steps:
        journal.scalars(
            "train",
            step,
            {
                "epoch": step / length.steps_per_epoch,
                "predictions": step * length.predictions_per_step,
                "seconds": state.counters.seconds,
                **recent.record(length.predictions_per_step),
                "learning_rate": state.optimizer.param_groups[0]["lr"],
                "gradient_norm": gradient_norm,
                "clipped_gradient_norm": min(gradient_norm, training.clip_norm),
            },
        )
        recent.start_anew()
    if training.histogram_interval and step % training.histogram_interval == 0:
        journal.histograms(step, state.model, output)

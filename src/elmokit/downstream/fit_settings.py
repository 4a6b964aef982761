"""What can be chosen about the training of a downstream model."""

from __future__ import annotations

from pydantic import Field

from elmokit.config.section import LARGEST_CLIP, LARGEST_SEED, Section


class FitSettings(Section):
    """How a downstream model is trained."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="learning rate of Adam")
    elmo_learning_rate: float = Field(
        1e-4, gt=0, le=10, description="learning rate of a biLM that is fine-tuned"
    )
    weight_decay: float = Field(0.0, ge=0, le=10, description="decoupled weight decay of Adam")
    batch_size: int = Field(32, ge=1, le=1 << 20, description="sentences per step")
    max_epochs: int = Field(
        30, ge=1, le=1 << 20, description="largest number of passes over the training data"
    )
    patience: int = Field(
        5, ge=1, le=1 << 20, description="stop when the dev score has not improved for so many epochs"
    )
    max_gradient_norm: float = Field(
        5.0, gt=0, le=LARGEST_CLIP, description="gradients are clipped to this norm"
    )
    seed: int = Field(1, ge=0, le=LARGEST_SEED, description="of initial weights, order and dropout")

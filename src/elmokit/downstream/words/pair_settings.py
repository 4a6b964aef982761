"""What can be chosen about a network that judges pairs."""

from __future__ import annotations

from pydantic import Field

from elmokit.config.section import LARGEST_DIM
from elmokit.downstream.fit_settings import FitSettings


class PairSettings(FitSettings):
    """A network that judges pairs, and its training."""

    hidden_dim: int = Field(64, ge=0, le=LARGEST_DIM, description="width of the hidden layer; 0 for none")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the features that is dropped")
    weight_decay: float = Field(0.01, ge=0, le=10, description="decoupled weight decay of Adam")

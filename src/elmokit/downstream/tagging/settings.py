"""What can be chosen about a tagger."""

from __future__ import annotations

from pydantic import Field

from elmokit.config.section import LARGEST_DEPTH, LARGEST_DIM
from elmokit.downstream.fit_settings import FitSettings


class TaggerSettings(FitSettings):
    """A biLSTM-CRF and its training."""

    hidden_dim: int = Field(128, ge=1, le=LARGEST_DIM, description="width of the LSTM in each direction")
    num_layers: int = Field(1, ge=1, le=LARGEST_DEPTH, description="number of biLSTM layers")
    dropout: float = Field(
        0.3, ge=0, lt=1, description="share of the vectors before and after the biLSTM that is dropped"
    )
    elmo_at_output: bool = Field(
        False, description="also add ELMo, in a mixture of its own, to what the biLSTM gives"
    )
    fine_tune: bool = Field(False, description="train the biLM too, instead of keeping its vectors")

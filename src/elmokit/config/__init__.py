"""Every setting of a model and of its training."""

from elmokit.config.files import SHIPPED_CONFIGS
from elmokit.config.schema import (
    CharCnnConfig,
    Config,
    LexiconConfig,
    LstmConfig,
    ModelConfig,
    TrainingConfig,
)

__all__ = [
    "SHIPPED_CONFIGS",
    "CharCnnConfig",
    "Config",
    "LexiconConfig",
    "LstmConfig",
    "ModelConfig",
    "TrainingConfig",
]

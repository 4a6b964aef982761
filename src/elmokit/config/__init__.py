"""All settings of a model and its training."""

from elmokit.config.files import SHIPPED_CONFIGS
from elmokit.config.model import CharCnnConfig, LexiconConfig, LstmConfig, ModelConfig
from elmokit.config.schema import Config
from elmokit.config.training import TrainingConfig

__all__ = [
    "SHIPPED_CONFIGS",
    "CharCnnConfig",
    "Config",
    "LexiconConfig",
    "LstmConfig",
    "ModelConfig",
    "TrainingConfig",
]

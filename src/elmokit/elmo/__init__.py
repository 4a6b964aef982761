"""The trainable ELMo layer of a downstream model."""

from elmokit.elmo.char_ids import batch_to_ids
from elmokit.elmo.layer import Elmo, ElmoOutput

__all__ = ["Elmo", "ElmoOutput", "batch_to_ids"]

"""The name of the module ``bilm.elmo``."""

from elmokit.dialects.bilm.weight_layers import weight_layers

__all__ = ["weight_layers"]

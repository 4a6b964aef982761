"""elmokit train: train a biLM, or resume training."""

from elmokit.commands.train.options import command

__all__ = ["command"]

"""elmokit: deep contextualized word vectors from bidirectional LSTM language models."""

from elmokit._version import __version__

__all__ = ["__version__"]

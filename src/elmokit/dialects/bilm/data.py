"""The names of the module ``bilm.data``."""

from elmokit.dialects.bilm.batchers import Batcher, TokenBatcher
from elmokit.dialects.bilm.training import BidirectionalLMDataset, LMDataset
from elmokit.dialects.bilm.vocabulary import UnicodeCharsVocabulary, Vocabulary

__all__ = [
    "Batcher",
    "BidirectionalLMDataset",
    "LMDataset",
    "TokenBatcher",
    "UnicodeCharsVocabulary",
    "Vocabulary",
]

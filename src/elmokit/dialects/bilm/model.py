"""The names of the module ``bilm.model``."""

from elmokit.dialects.bilm.dumps import dump_bilm_embeddings, dump_token_embeddings
from elmokit.dialects.bilm.language_model import BidirectionalLanguageModel

__all__ = ["BidirectionalLanguageModel", "dump_bilm_embeddings", "dump_token_embeddings"]

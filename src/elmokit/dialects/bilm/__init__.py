"""bilm-tf: batchers, the biLM on arrays of ids, ``weight_layers``, the dumps, training and evaluation.

Results are PyTorch tensors and available at once: there are no placeholders and no session, and
``numpy.asarray`` accepts the tensors. Every sentence starts from a zero LSTM state, unless ``stateful=True``
carries the state from call to call as the original does.
"""

from elmokit.dialects.bilm.batchers import Batcher, TokenBatcher
from elmokit.dialects.bilm.dumps import dump_bilm_embeddings, dump_token_embeddings, dump_weights
from elmokit.dialects.bilm.language_model import BidirectionalLanguageModel
from elmokit.dialects.bilm.training import (
    BidirectionalLMDataset,
    LMDataset,
    load_options_latest_checkpoint,
    test,
    train,
)
from elmokit.dialects.bilm.vocabulary import UnicodeCharsVocabulary, Vocabulary, load_vocab
from elmokit.dialects.bilm.weight_layers import BilmOps, WeightedLayers, WeightLayers, weight_layers

__all__ = [
    "Batcher",
    "BidirectionalLMDataset",
    "BidirectionalLanguageModel",
    "BilmOps",
    "LMDataset",
    "TokenBatcher",
    "UnicodeCharsVocabulary",
    "Vocabulary",
    "WeightLayers",
    "WeightedLayers",
    "dump_bilm_embeddings",
    "dump_token_embeddings",
    "dump_weights",
    "load_options_latest_checkpoint",
    "load_vocab",
    "test",
    "train",
    "weight_layers",
]

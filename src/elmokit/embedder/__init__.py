"""The embedder: contextual word vectors of sentences."""

from elmokit.embedder.embedder import WORDS_PER_CHUNK, ArrayType, ElmoEmbedder, Layers, Pooling

__all__ = ["WORDS_PER_CHUNK", "ArrayType", "ElmoEmbedder", "Layers", "Pooling"]

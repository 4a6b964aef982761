"""Models built on word vectors: one switch chooses between ELMo, word2vec, fastText and random vectors."""

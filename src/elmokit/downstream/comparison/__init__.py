"""Comparing embeddings on one task: the same budget for each, several seeds, and tests of significance."""

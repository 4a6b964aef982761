"""Search a text for the words whose contextual vectors are most similar to a given vector."""

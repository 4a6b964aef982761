"""Search for the words of a text whose contextual vectors are most similar to a given one."""

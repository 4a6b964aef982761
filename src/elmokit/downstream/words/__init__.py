"""Words and sentences compared by their vectors: senses of words, and pairs of words or sentences."""

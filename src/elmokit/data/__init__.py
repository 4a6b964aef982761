"""From text to batches: files, vocabulary, characters, prepared corpus, batch streams."""

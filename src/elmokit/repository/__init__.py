"""Finding a model by its name or URL and downloading it to a local path."""

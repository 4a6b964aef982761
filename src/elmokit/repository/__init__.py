"""From the name or the URL of a model to a path on this disk."""

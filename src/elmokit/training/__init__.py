"""Training and evaluation of biLMs."""

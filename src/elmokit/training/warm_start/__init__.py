"""Start training from an existing model, on new text and with a new vocabulary."""

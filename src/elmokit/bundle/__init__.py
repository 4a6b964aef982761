"""Trained models: found in whatever form they have, loaded, saved, described."""

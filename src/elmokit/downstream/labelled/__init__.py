"""Texts with labels, from files of several formats."""

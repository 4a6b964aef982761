"""Visualize what a model has learned: word maps, learning curves, TensorBoard's projector."""

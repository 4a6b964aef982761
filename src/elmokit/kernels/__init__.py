"""Compiled kernels for the CPU; the model computes the same with PyTorch where there are none."""

"""Compiled kernels for CPUs and CUDA devices; where there are none, PyTorch computes the same."""

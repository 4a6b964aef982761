"""Compiled kernels for CPUs and, in :mod:`elmokit.kernels.cuda`, for CUDA devices.

Where there are none, the model computes the same with PyTorch.
"""

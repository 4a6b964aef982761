"""Kernels for CUDA devices, in Triton, which comes with PyTorch for CUDA.

Nothing here is imported until a tensor is on such a device; :mod:`elmokit.kernels.cuda.availability` says
whether it can be. Without Triton the model computes the same with PyTorch's operations.
"""

"""Finding the compiled kernels, and doing without them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from elmokit.kernels import library

needs_kernels = pytest.mark.skipif(not library.is_available(), reason="the kernels were not compiled")


@needs_kernels
def test_which_tensors_can_be_given():
    tensor = torch.zeros(2)
    assert library.can_compute(tensor, None, nn.Parameter(tensor))
    assert not library.can_compute(tensor.double())
    assert not library.can_compute(tensor.to("meta"))
    assert not library.can_compute(tensor, tensor.bfloat16())


def test_nothing_can_be_given_where_there_are_none(monkeypatch):
    monkeypatch.setattr(library, "_load", lambda precision: None)
    assert not library.is_available()
    assert not library.can_compute(torch.zeros(2))


def test_a_file_that_is_no_library_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    name = library.instruction_set()
    (tmp_path / f"_kernels_{name}.so").write_bytes(b"not a library")
    assert library._load.__wrapped__("float32") is None


@needs_kernels
def test_a_library_of_other_sources_is_left_alone(monkeypatch):
    monkeypatch.setattr(library, "_INTERFACE", library._INTERFACE + 1)
    assert library._load.__wrapped__("float32") is None


@needs_kernels
@pytest.mark.slow
@pytest.mark.skipif(library.instruction_set() == "neon", reason="not an x86 processor")
def test_all_variants_embed_alike(tmp_path):
    """The variant follows what PyTorch uses, which its environment variable can lower."""
    program = (
        "import sys, numpy; from elmokit import ElmoEmbedder; from elmokit.kernels import library;"
        "(vectors,) = ElmoEmbedder.load('tiny-en').embed(['the play was good']);"
        "numpy.save(sys.argv[1], vectors); print(library.instruction_set())"
    )
    results = []
    for capability in ("avx2", "default"):
        output = tmp_path / f"{capability}.npy"
        done = subprocess.run(
            [sys.executable, "-c", program, str(output)],
            env={**os.environ, "ATEN_CPU_CAPABILITY": capability},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == {"avx2": "avx2", "default": "None"}[capability]
        results.append(np.load(output))
    np.testing.assert_allclose(*results, rtol=0, atol=1e-5)

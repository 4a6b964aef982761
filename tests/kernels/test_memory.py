"""Freed memory is kept for the next batch, unless the environment has chosen otherwise."""

import platform
import subprocess
import sys

import pytest

from elmokit.kernels.memory import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import torch
from elmokit.kernels.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(16_000_000).fill_(1.0)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_the_pages_of_a_freed_block_are_used_again():
    def second_block(name: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", COUNT_FAULTS, name], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert second_block("kept") < second_block("default") / 10


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_a_choice_of_the_environment_stays(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert not keep_freed_memory.__wrapped__()

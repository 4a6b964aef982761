"""Compile every kernel for a device that need not be there, and print what each takes; run by a test.

Triton's interpreter does not see what its compiler refuses, nor what does not fit a multiprocessor.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from elmokit.kernels.cuda import convolution, lstm, rows, softmax

# The types of the arguments that are no constants, in their order: F, B, L and I are pointers to float32,
# bfloat16, int64 and int32; i and f are numbers.
TYPES = {"F": "*fp32", "B": "*bf16", "L": "*i64", "I": "*i32", "i": "i32", "f": "fp32"}
TILES = {"WIDTH": 512, "ROWS": 64, "WORDS": 32, "PRECISION": "tf32"}  # that fit both devices
DIVISION = {"num_warps": softmax._NUM_WARPS, "num_stages": 2}
CASES: list[tuple[Any, str, dict[str, Any], dict[str, int]]] = [
    (lstm._forward_step, "BFFBiff", {"BLOCK": 1024}, {}),
    (lstm._backward_step, "BFFBFBif", {"BLOCK": 1024}, {}),
    (lstm._backward_output, "BBBif", {"BLOCK": 1024}, {}),
    (softmax._by_rows, "BBFLFFFiii", {**TILES, "WITH_EXTRA": True, "KEEP": True}, DIVISION),
    (softmax._by_words, "BBFLFFFiii", TILES, DIVISION),
    (convolution._pool, "FILFIii", {"WIDTH": 7, "BLOCK": 256}, {}),
    (convolution._scatter, "IIFFii", {"WIDTH": 7, "BLOCK": 256}, {}),
    (rows._sum_sorted_rows, "LLFFii", {"ROWS": 16, "BLOCK": 512}, {}),
    (rows._adagrad, "FFFLif", {"BY_ROW": True, "BLOCK": 512}, {}),
    (rows._adam, "FFFFLifffff", {"BY_ROW": False, "BLOCK": 1024}, {}),
]


def main(capability: int) -> None:
    for kernel, letters, constants, options in CASES:
        names = kernel.arg_names
        types = dict(zip(names, (TYPES[letter] for letter in letters), strict=False))
        # As at the real sizes, pointers and widths are multiples of 16.
        aligned = {(k,): [["tt.divisibility", 16]] for k, letter in enumerate(letters) if letter != "f"}
        source = ASTSource(
            kernel,
            {name: types.get(name, "constexpr") for name in names},
            {(names.index(name),): value for name, value in constants.items()},
            aligned,
        )
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        usage = _usage(compiled.asm["cubin"])
        sys.stdout.write(f"{kernel.__name__} SHARED:{compiled.metadata.shared} {usage}\n")


def _usage(cubin: bytes) -> str:
    """Return the registers of a thread and the bytes that do not fit them, if the disassembler is at hand."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    if not tool.exists():
        return ""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        run = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=False)
    return " ".join(re.findall(r"(?:REG|STACK):\d+", run.stdout))


if __name__ == "__main__":
    main(int(sys.argv[1]))

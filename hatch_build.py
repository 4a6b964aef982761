"""Build hook: compiles the kernels, once per instruction set, if there is a C compiler.

Without a compiler the package works as well, only slower. Run this file to compile them in place.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # when run by itself
    BuildHookInterface = object  # type: ignore[assignment,misc]

FOLDER = Path(__file__).parent / "src" / "elmokit" / "kernels"
FLAGS = ["-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=fast"]

AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]
# The instruction set's name, its vector width in floats, the rows per tile, and the compiler's options.
X86 = [
    ("avx512", 16, 6, AVX512),
    ("avx512_bf16", 16, 6, [*AVX512, "-mavx512bf16", "-DBFLOAT16"]),
    ("avx2", 8, 2, ["-mavx2", "-mfma"]),
]
VARIANTS = {
    "x86_64": X86,
    "amd64": X86,
    "aarch64": [("neon", 4, 6, [])],
    "arm64": [("neon", 4, 6, [])],
}


def compile_kernels() -> list[Path]:
    """Compile the variants for this machine's kind of processor, and return those that could be built."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None or platform.system() == "Windows":
        return []
    built = []
    for name, width, rows, options in VARIANTS.get(platform.machine().lower(), []):
        target = FOLDER / f"_kernels_{name}.so"
        with tempfile.TemporaryDirectory(dir=FOLDER) as directory:  # a process may have the old one open
            made = Path(directory) / target.name
            command = [
                *[*compiler.split(), *FLAGS, *options, f"-DWIDTH={width}", f"-DTILE_ROWS={rows}"],
                *[*sorted(map(str, FOLDER.glob("*.c"))), "-o", str(made), "-lm"],
            ]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                made.replace(target)
                built.append(target)
    return built


class CompileKernels(BuildHookInterface):
    """Adds the compiled kernels to the wheel, which is then one for this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files are collected."""
        if self.target_name != "wheel":
            return
        built = compile_kernels()
        if not built:
            self.app.display_warning("no C compiler: the LSTMs will be computed by PyTorch, more slowly")
            return
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in built]
        build_data["pure_python"] = False
        system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{system}"


if __name__ == "__main__":
    compile_kernels()

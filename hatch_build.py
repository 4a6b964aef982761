"""Build hooks: compile the kernels, and make the links of the README absolute.

The kernels are compiled once per instruction set, if there is a C compiler. Without one the package works as
well, only slower. Run this file to compile them in place.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ImportError:  # when run by itself
    BuildHookInterface = MetadataHookInterface = object  # type: ignore[assignment,misc]

FOLDER = Path(__file__).parent / "src" / "elmokit" / "kernels"
FLAGS = ["-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=fast"]

AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]
AVX2 = ["-mavx2", "-mfma"]
# The instruction set's name, its vector width in floats, the rows per tile, and the compiler's options.
X86 = [
    ("avx512", 16, 6, AVX512),
    ("avx512_bf16", 16, 6, [*AVX512, "-mavx512bf16", "-DBFLOAT16"]),
    ("avx512_int8", 16, 6, [*AVX512, "-mavx512vnni", "-DINT8"]),
    ("avx2", 8, 3, AVX2),
    ("avx2_int8", 8, 2, [*AVX2, "-DINT8"]),
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


_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?!https?://|#|mailto:)([^)\s]+)\)")


def with_absolute_links(text: str, address: str) -> str:
    """Return Markdown whose links to files of the repository work anywhere.

    Args:
        text: with links relative to the repository's root.
        address: of the repository, such as ``https://github.com/OWNER/NAME``.
    """
    return _LINK.sub(
        lambda match: f"{match[1]}{match[2]}({address}/{'raw' if match[1] else 'blob'}/main/{match[3]})", text
    )


class PublishedMetadata(MetadataHookInterface):
    """Adds the README and, where the repository has a public address, links that work on a package index."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set what pyproject.toml calls dynamic; the address is a setting of this hook there."""
        address = str(self.config.get("address", "")).rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        urls = {"Paper": "https://aclanthology.org/N18-1202/"}
        if address:
            text = with_absolute_links(text, address)
            urls |= {
                "Source": address,
                "Issues": f"{address}/issues",
                "Changelog": f"{address}/blob/main/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls


if __name__ == "__main__":
    compile_kernels()

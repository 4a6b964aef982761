"""Memory that a batch frees and the next batch needs again."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_MOST_BYTES = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 1 GiB of freed memory for the next allocation.

    By default, glibc returns every freed block of more than 32 MiB to the system, which fills the pages of
    the next one with zeros, one interrupt a page: a tenth of the time of a training step. Where there is no
    such setting, or the environment has chosen one, nothing is changed.

    Returns:
        Whether the setting was made.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _MOST_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _MOST_BYTES))

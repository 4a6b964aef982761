"""Where elmokit keeps what it has prepared or fetched once."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_cache_dir() -> Path:
    """``$ELMOKIT_CACHE``, or the user's cache directory."""
    return Path(os.environ.get("ELMOKIT_CACHE") or platformdirs.user_cache_dir("elmokit"))

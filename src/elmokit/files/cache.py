"""The directory where prepared texts and downloaded models are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_cache_dir() -> Path:
    """Return ``$ELMOKIT_CACHE``, or the user's cache directory."""
    return Path(os.environ.get("ELMOKIT_CACHE") or platformdirs.user_cache_dir("elmokit"))

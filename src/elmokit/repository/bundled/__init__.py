"""The models bundled with the package, a model directory each; their model cards describe their training."""

from pathlib import Path

BUNDLED_MODELS = ("tiny-en",)


def find_bundled_model(name: str) -> Path | None:
    """Return the directory of a bundled model; None when there is none of that name, in any case."""
    return Path(__file__).parent / name.lower() if name.lower() in BUNDLED_MODELS else None

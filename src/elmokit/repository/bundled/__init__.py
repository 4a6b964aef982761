"""The models that come with the package, a model directory each; their cards tell how they were made."""

from pathlib import Path

NAMES = ("tiny-en",)


def shipped_model(name: str) -> Path | None:
    """The directory of a model that comes with the package; None where none is called so."""
    return Path(__file__).parent / name.lower() if name.lower() in NAMES else None

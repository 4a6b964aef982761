"""The models that can be loaded by name, and which of them are on this disk."""

from __future__ import annotations

from dataclasses import dataclass

from elmokit.repository.bundled import find_bundled_model
from elmokit.repository.fetch import cached_weights
from elmokit.repository.published import PUBLISHED

_BYTES_PER_PARAMETER = 4  # HDF5 weights are stored in single precision


@dataclass(frozen=True)
class CatalogEntry:
    """A model that :func:`elmokit.load` and every command accept by name."""

    name: str
    language: str
    dim: int | None
    """Width of its vectors, both directions together; None if its authors do not say."""
    num_parameters: int | None
    """Without the softmax; None if its authors do not say."""
    megabytes: float | None
    """Millions of bytes of the weights: as on this disk, else by the parameters; None if unknown."""
    licence: str
    """As stated with the model; ``(code)`` where only the code that trained it states one."""
    source: str
    """Page that describes it."""
    description: str
    is_on_disk: bool
    """Whether it can be loaded without a network connection."""


def published() -> list[CatalogEntry]:
    """Return the models that can be loaded by name: the bundled one, and those that others have published."""
    return [_bundled(), *map(_published, PUBLISHED)]


def _bundled() -> CatalogEntry:
    directory = find_bundled_model("tiny-en")
    assert directory is not None
    return CatalogEntry(
        name="tiny-en",
        language="English",
        dim=256,
        num_parameters=2_996_432,
        megabytes=(directory / "model.safetensors").stat().st_size / 1e6,
        licence="Apache-2.0",
        source="bundled with elmokit",
        description="English, for experiments and teaching: public-domain books and speeches",
        is_on_disk=True,
    )


def _published(name: str) -> CatalogEntry:
    model, weights = PUBLISHED[name], cached_weights(name)
    if weights is not None:
        megabytes = weights.stat().st_size / 1e6
    elif model.num_parameters is not None:
        megabytes = model.num_parameters * _BYTES_PER_PARAMETER / 1e6
    else:
        megabytes = None
    return CatalogEntry(
        name=name,
        language=model.language,
        dim=model.dim,
        num_parameters=model.num_parameters,
        megabytes=megabytes,
        licence=model.licence,
        source=model.source,
        description=model.description,
        is_on_disk=weights is not None,
    )

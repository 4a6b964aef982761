"""What all sections of a configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue

# Far above any sensible model: a damaged file must not request unlimited memory or time.
LARGEST_DIM = 1 << 20
LARGEST_DEPTH = 100
LARGEST_SEED = (1 << 64) - 1  # of PyTorch's generators
LARGEST_CLIP = 1e9  # far below the largest number in single precision


class Section(BaseModel):
    """A group of settings: immutable, without unknown or infinite values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def about(*, unit: str = "", group: str = "") -> dict[str, JsonValue]:
    """Return what a list of settings says of one besides its description.

    Args:
        unit: what its number counts or measures.
        group: title of the group that it belongs to; empty for that of its section.
    """
    return {"unit": unit, "group": group}

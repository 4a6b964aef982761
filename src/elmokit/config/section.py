"""What all sections of a configuration have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from elmokit.config.validation import describe_errors
from elmokit.errors import ConfigError

# Far above any sensible model: a damaged file must not request unlimited memory or time.
LARGEST_DIM = 1 << 20
LARGEST_DEPTH = 100
LARGEST_SEED = (1 << 64) - 1  # of PyTorch's generators
LARGEST_CLIP = 1e9  # far below the largest number in single precision


class Section(BaseModel):
    """A group of settings: immutable, without unknown or infinite values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers see the settings

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                message = describe_errors(error, list(type(self).model_fields))
                raise ConfigError(f"{type(self).__name__}: {message}") from None

        # Pydantic would validate nested settings by calls, and lose their names.
        __init__.__pydantic_base_init__ = True


def about(*, unit: str = "", group: str = "") -> dict[str, JsonValue]:
    """Return what a list of settings says of one besides its description.

    Args:
        unit: what its number counts or measures.
        group: title of the group that it belongs to; empty for that of its section.
    """
    return {"unit": unit, "group": group}

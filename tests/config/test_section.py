from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from elmokit.config.section import Section
from elmokit.errors import ConfigError


class Example(Section):
    rate: float = 1.0


def test_a_section_is_immutable():
    with pytest.raises(ValidationError, match="frozen"):
        Example().rate = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("values", [{"rat": 1.0}, {"rate": math.inf}, {"rate": math.nan}])
def test_unknown_and_infinite_values_are_refused(values):
    with pytest.raises(ConfigError) as raised:
        Example(**values)
    assert str(raised.value).startswith(f"Example: 1 error: {next(iter(values))}: ")


class Outer(Section):
    inner: Example = Example()


def test_nested_values_are_named_in_one_line():
    with pytest.raises(ConfigError) as raised:
        Outer(inner={"rate": "fast"})  # type: ignore[arg-type]
    assert str(raised.value) == (
        "Outer: 1 error: inner.rate: input should be a valid number, unable to parse string as a number, "
        "got 'fast'"
    )

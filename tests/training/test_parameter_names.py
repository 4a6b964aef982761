from __future__ import annotations

import pytest

from elmokit.errors import ConfigError
from elmokit.training.parameter_names import matching_names

NAMES = [
    "encoder.kernels.0",
    "encoder.highways.0.carry",
    "stacks.0.1.kernel",
    "softmax.weight",
    "softmax.bias",
]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], []),
        (["softmax"], NAMES[3:]),
        (["softmax.bias"], NAMES[4:]),
        (["encoder", "stacks.0"], NAMES[:3]),
        (["*.bias", "encoder.*.0"], [NAMES[0], NAMES[4], NAMES[1]]),
        (["stacks.?.1.kernel"], [NAMES[2]]),
        (["*"], NAMES),
    ],
)
def test_names_modules_and_wildcards(patterns, expected):
    assert matching_names(patterns, NAMES, setting="exclude") == set(expected)


def test_a_pattern_that_matches_nothing_lists_the_names():
    with pytest.raises(ConfigError) as error:
        matching_names(["softmax", "sotfmax"], NAMES, setting="exclude")
    assert str(error.value).startswith(
        "exclude 'sotfmax': matches no parameter (did you mean 'softmax'?); expected"
    )
    assert all(name in str(error.value) for name in NAMES)


def test_part_of_a_name_is_no_match():
    with pytest.raises(ConfigError):
        matching_names(["soft"], NAMES, setting="freeze")

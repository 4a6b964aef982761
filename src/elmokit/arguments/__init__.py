"""Checking what is given from Python: single values, and all arguments of a function by its type hints."""

from elmokit.arguments.hints import checked
from elmokit.arguments.values import (
    described,
    instance_of,
    is_list,
    number,
    numbers,
    one_of,
    path_text,
    share,
    strings,
    whole_number,
    yes_or_no,
)

__all__ = [
    "checked",
    "described",
    "instance_of",
    "is_list",
    "number",
    "numbers",
    "one_of",
    "path_text",
    "share",
    "strings",
    "whole_number",
    "yes_or_no",
]

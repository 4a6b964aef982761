"""Decoding protocol buffers, as far as TensorFlow's checkpoints need it."""

from __future__ import annotations

from typing import TypeAlias

from elmokit.formats.tensorflow.sorted_table import varint

Fields: TypeAlias = dict[int, list[int | bytes]]
"""The values of a message by field number: integers, or the bytes of strings and embedded messages."""


def parse_fields(message: bytes) -> Fields:
    """Return the values of a message by field number, in order.

    Raises:
        ValueError: when the message is damaged.
    """
    fields: Fields = {}
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = varint(message, position)
        else:
            if tag & 7 == 2:
                size, position = varint(message, position)
            elif tag & 7 in (1, 5):
                size = 8 if tag & 7 == 1 else 4
            else:
                raise ValueError(f"a field of the unknown wire type {tag & 7}")
            value = message[position : position + size]
            if len(value) < size:
                raise ValueError("a field extends beyond its message")
            position += size
            if tag & 7 != 2:
                value = int.from_bytes(value, "little")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def integer(fields: Fields, number: int) -> int:
    """Return the integer of a field; 0 when it is absent.

    Raises:
        ValueError: when the field is not an integer.
    """
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {number} is not an integer")
    return value


def submessage(fields: Fields, number: int) -> Fields:
    """Return the fields of an embedded message; none when it is absent.

    Raises:
        ValueError: when the field is not a message.
    """
    return parse_fields(as_bytes(fields.get(number, [b""])[-1]))


def as_bytes(value: int | bytes) -> bytes:
    """Return the bytes of an embedded message.

    Raises:
        ValueError: when the value is an integer.
    """
    if not isinstance(value, bytes):
        raise ValueError("an integer instead of a message")
    return value

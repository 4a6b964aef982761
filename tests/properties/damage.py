"""Random damage to files: lost and changed bytes, unexpected settings."""

from __future__ import annotations

import copy
import json
import random
import struct
from typing import Any

_HUGE = (0x7F, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
_STRANGE_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 50, 262, 1 << 20, 1 << 31, 1 << 62, 1 << 64, 10**300, -(10**40)),
    *(0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf"), 1e-320),
    *(
        "",
        "1",
        "relu",
        "none",
        "a\nb",
        "a\u2028b\x85c",
        "\ud800",
        "\0",
        "x" * 5000,
        "../../" * 9,
        "/dev/null",
    ),
    *([], [[]], [[1, 4]], [[1, 4], [2, 4]] * 500, [1, 4], [[1, 10**9]], [["1", "4"]], [[9, 4, 4]]),
    *({}, {"": 0}, {"a": {"b": {"c": 1}}}, {"dim": 4}, {"name": "cnn"}),
)
_STRANGE_KEYS = (
    "",
    "dim",
    "n_layers",
    "bogus",
    "a\nb",
    "\ud800",
    "k" * 3000,
    "model",
    "lstm",
    "char_cnn",
    "\x1b[2J",
)
_DEPTH = 100_000


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return the content after some damage of a disk or a network."""
    return rng.choice(
        (
            _truncated,
            _flipped,
            _flipped,
            _flipped,
            _flipped,
            _filled,
            _overwritten,
            _number,
            _number,
            _moved,
            _longer,
        )
    )(content, rng)


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Return other settings, mostly still JSON; sometimes damaged bytes."""
    kind = rng.random()
    if kind < 0.12:
        return damaged_bytes(content, rng)
    if kind < 0.18:
        return _encoded_differently(content, rng)
    values = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        values = _changed(values, rng)
    return json.dumps(values, indent=rng.choice((None, 1))).encode()


def _truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _filled(content: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(content)), rng.choice((4, 16, 512, 4096))
    part = content[start : start + size]
    return content[:start] + bytes([rng.choice((0, 0, 0xFF, 0x20))]) * len(part) + content[start + size :]


def _overwritten(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    part = content[start : start + rng.choice((1, 4, 64))]
    return content[:start] + rng.randbytes(len(part)) + content[start + len(part) :]


def _number(content: bytes, rng: random.Random) -> bytes:
    """Replace a number of a header, often by a huge one."""
    size = rng.choice((1, 2, 4, 8))
    start = rng.randrange(max(1, len(content) - size)) // size * size
    value = rng.choice((rng.choice(_HUGE), rng.randrange(2 * len(content) + 1)))
    number = struct.pack("<Q", value)[:size]
    return content[:start] + number + content[start + size :]


def _moved(content: bytes, rng: random.Random) -> bytes:
    """Copy a part over another one."""
    size = rng.choice((8, 64, 512))
    source, target = rng.randrange(len(content)), rng.randrange(len(content))
    part = content[source : source + size]
    return content[:target] + part + content[target + len(part) :]


def _longer(content: bytes, rng: random.Random) -> bytes:
    start = rng.choice((0, len(content), rng.randrange(len(content))))
    return content[:start] + rng.randbytes(rng.choice((1, 8, 600))) + content[start:]


def _encoded_differently(content: bytes, rng: random.Random) -> bytes:
    text = content.decode()
    return rng.choice(
        (
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-8-sig"),
            lambda: b"\xff" + content,
            lambda: b"",
            lambda: b"null",
            lambda: b"[" * _DEPTH + b"]" * _DEPTH,
            lambda: b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH,
            lambda: text.replace(":", f':{"[" * 500}1{"]" * 500},"x":', 1).encode(),
            lambda: text.replace(":", ":" + "9" * 5000 + ',"x":', 1).encode(),
            lambda: text.replace(":", ':1e999,"x":', 1).encode(),
            lambda: content * 2,
        )
    )()


def _changed(values: Any, rng: random.Random) -> Any:
    """Return the same tree with one value changed."""
    positions = list(_positions(values))
    if not positions:
        return _strange(rng)
    table, key = rng.choice(positions)
    kind = rng.random()
    if kind < 0.6:
        table[key] = _strange(rng)
    elif kind < 0.75:
        del table[key]
    elif isinstance(table, dict):
        table[rng.choice(_STRANGE_KEYS)] = copy.deepcopy(table[key]) if kind < 0.85 else _strange(rng)
    else:
        table.append(copy.deepcopy(table[key]))
    return values


def _strange(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(_STRANGE_VALUES))


def _positions(values: Any) -> Any:
    if isinstance(values, dict | list):
        for key in list(values) if isinstance(values, dict) else range(len(values)):
            yield values, key
            yield from _positions(values[key])

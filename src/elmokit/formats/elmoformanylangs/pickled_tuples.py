"""Whether the tuples in a pickle are small; nothing is unpickled to find out.

A tuple may refer to another one several times, and that to a third one. A few hundred bytes then stand for
a tuple of more parts than can ever be counted, and as a key of a dictionary all of them are hashed.
"""

from __future__ import annotations

import pickletools
from typing import IO

_MAX_PARTS = 10_000  # of one tuple; that of a tensor has about ten


def check_tuples(file: IO[bytes]) -> None:
    """Read one pickle, up to its end, and refuse large tuples.

    Raises:
        ValueError: when a tuple is large, or the pickle is damaged.
    """
    try:
        _check(file)
    except (IndexError, KeyError) as error:
        raise ValueError("a damaged pickle") from error


def _check(file: IO[bytes]) -> None:
    """Follow the stack of the pickle machine, with numbers of parts in the place of objects."""
    stack: list[int] = []
    marks: list[int] = []  # positions in the stack
    memo: dict[int, int] = {}
    for code, argument, _ in pickletools.genops(file):
        name = code.name
        if name.endswith("PUT") or name == "MEMOIZE":
            memo[len(memo) if argument is None else argument] = stack[-1]
            continue
        if name.endswith("GET"):
            stack.append(memo[int(argument or 0)])
            continue
        if pickletools.markobject in code.stack_before:
            start = marks.pop() - code.stack_before.index(pickletools.markobject)
        else:
            start = len(stack) - len(code.stack_before)
        if start < 0:
            raise IndexError(start)
        parts = stack[start:]
        del stack[start:]
        if pickletools.markobject in code.stack_after:
            marks.append(len(stack))
        elif name == "DUP":
            stack += 2 * parts
        else:
            size = 1 + sum(parts) if name.startswith("TUPLE") else 1
            if size > _MAX_PARTS:
                raise ValueError(f"a tuple of more than {_MAX_PARTS} parts")
            stack += len(code.stack_after) * [size]

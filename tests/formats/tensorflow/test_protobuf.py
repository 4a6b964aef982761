"""Protocol buffers, read in the index of a checkpoint: damaged ones say what is wrong."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"\x08", "an integer does not end"),
        (b"\x08" + b"\x80" * 11, "an integer does not end"),
        (b"\x0a\x01\x01", "field 1 is not an integer"),
        (b"\x10\x01", "an integer instead of a message"),
        (b"\x12\x05\x01", "a field extends beyond its message"),
        (b"\x35\x01", "a field extends beyond its message"),
        (b"\x0b", "a field of the unknown wire type 3"),
    ],
)
def test_damaged_protocol_buffers(value, problem, table, bundle_header, tmp_path, index_problem):
    (tmp_path / "m.index").write_bytes(table().build([(b"", bundle_header()), (b"name", value)]))
    assert index_problem(tmp_path / "m") == problem

"""LevelDB's sorted tables, in which TensorFlow keeps the index of a checkpoint.

A table is a sequence of blocks, each with a CRC-32C; the footer points to a block that lists them. A block is
a sequence of keys and values, where a key may share its beginning with the key before.
"""

from __future__ import annotations

from collections.abc import Iterator

from elmokit.errors import MissingExtraError

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # compression and checksum of a block
_MAX_VARINT_BYTES = 10  # of 64 bits
_MAX_KEY_BYTES = 1024  # otherwise keys that share their beginnings could grow without limit


def table_rows(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table in order.

    Args:
        content: the content of the whole file.

    Raises:
        ValueError: when the table is damaged; the message says what is wrong.
        MissingExtraError: when the package that computes checksums is not installed.
    """
    footer = content[-_FOOTER_BYTES:]
    if not footer.endswith(_MAGIC):
        raise ValueError("it does not end like a table (truncated, or another kind of file)")
    position = 0
    for _ in range(2):  # skip the handle of the metadata block, which is not needed
        _, position = varint(footer, position)
    last: bytes | None = None
    read_up_to = 0
    for _, handle in _block_rows(content, *_block_handle(footer, position)):
        offset, size = _block_handle(handle, 0)
        if offset < read_up_to:  # otherwise the same block could be read again and again
            raise ValueError("its blocks overlap")
        read_up_to = offset + size
        for key, value in _block_rows(content, offset, size):
            if last is not None and key <= last:
                raise ValueError("its keys are not sorted")
            last = key
            yield key, value


def _block_handle(data: bytes, position: int) -> tuple[int, int]:
    """Return the offset and size of a block."""
    offset, position = varint(data, position)
    size, _ = varint(data, position)
    return offset, size


def _block_rows(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block: rows, whose keys may be shortened, then restart points."""
    end = offset + size
    if end + _TRAILER_BYTES > len(content) - _FOOTER_BYTES or size < 4:
        raise ValueError("a block extends beyond the file")
    stored_checksum = int.from_bytes(content[end + 1 : end + _TRAILER_BYTES], "little")
    if masked(crc32c(content[offset : end + 1])) != stored_checksum:
        raise ValueError("the checksum of a block is wrong")
    if compression := content[end]:
        name = "Snappy" if compression == 1 else f"number {compression}"
        raise ValueError(f"compressed ({name}), unlike any TensorFlow checkpoint")
    block = content[offset:end]
    num_restarts = int.from_bytes(block[-4:], "little")
    rows_end = len(block) - 4 - 4 * num_restarts
    if rows_end < 0:
        raise ValueError("a block is too small for its restart points")
    key, position = b"", 0
    while position < rows_end:
        num_shared, position = varint(block, position)
        num_own, position = varint(block, position)
        value_size, position = varint(block, position)
        value_start = position + num_own
        row_end = value_start + value_size
        if num_shared > len(key) or row_end > rows_end or num_shared + num_own > _MAX_KEY_BYTES:
            raise ValueError("a row extends beyond its block")
        key = key[:num_shared] + block[position:value_start]
        yield key, block[value_start:row_end]
        position = row_end


def crc32c(data: bytes, before: int = 0) -> int:
    """Return the CRC-32C of ``data``, or of earlier bytes with the CRC-32C ``before`` followed by ``data``.

    Raises:
        MissingExtraError: when the package that computes it is not installed.
    """
    try:
        import google_crc32c
    except ImportError as error:
        raise MissingExtraError("reading TensorFlow checkpoints", "tensorflow") from error
    checksum: int = google_crc32c.extend(before, data)
    return checksum


def masked(checksum: int) -> int:
    """Return a CRC-32C as it is stored: rotated and shifted, because a CRC of CRCs would be weak."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Return an unsigned integer of seven bits per byte and the position after it.

    Raises:
        ValueError: when it does not end within ten bytes.
    """
    value = 0
    for k, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value, position + k + 1
    raise ValueError("an integer does not end")

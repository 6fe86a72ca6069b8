"""The IDX files of MNIST and its followers, as they are or packed with gzip.

Format: two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of axes, the size of each axis as
four bytes (big-endian), then the values. Source: the page of MNIST, yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from experiments.errors import DataError

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTE = 8
_AGAIN = "get the file again"


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a file of unsigned bytes that must hold exactly *shape*.

    Raises:
        DataError: The file cannot be read, is cut short, damaged, or holds something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})") from error
    header = struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTE, len(shape), *shape)
    expected = len(header) + int(np.prod(shape))
    packed = content.startswith(_GZIP)
    data = _unpacked(path, content, expected) if packed else content
    after = " after unpacking" if packed else ""
    if len(data) < expected and data[: len(header)] == header[: len(data)]:
        raise DataError(path, f"is cut short: expected {expected} bytes{after}, found {len(data)}; {_AGAIN}")
    if data[:4] != header[:4]:
        raise DataError(
            path, f"is no IDX file of {len(shape)} axes: begins with {data[:4].hex()}, expected {header[:4].hex()}"
        )
    if data[: len(header)] != header:
        sizes = struct.unpack(f">{len(shape)}I", data[4 : len(header)].ljust(len(header) - 4, b"\0"))
        raise DataError(path, f"holds {_times(sizes)} values, expected {_times(shape)}; {_AGAIN}")
    if len(data) > expected:
        raise DataError(path, f"is too long: expected {expected} bytes{after}, found more; {_AGAIN}")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)


def _unpacked(path: Path, content: bytes, expected: int) -> bytes:
    """Unpack as much of a gzip file as is there, and at most one byte more than *expected*."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(content, expected + 1)
    except zlib.error as error:
        raise DataError(path, f"is damaged: gzip says {error}; {_AGAIN}") from error
    if len(data) == expected and not stream.eof:
        raise DataError(path, f"is cut short: all {expected} bytes are there, but not their checksum; {_AGAIN}")
    if stream.unused_data:
        raise DataError(path, f"is too long: {len(stream.unused_data)} bytes follow the packed data; {_AGAIN}")
    return data


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))

"""A PNG of one colour, small in bytes whatever its size."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, colour: bytes) -> bytes:
    """A picture filled with `colour`, three bytes of red, green and blue."""
    # A palette with one entry and one bit for each pixel, all of them zero.
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    row = bytes(1 + (width + 7) // 8)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", colour),
            _chunk(b"IDAT", zlib.compress(row * height, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

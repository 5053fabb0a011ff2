"""PNG files, written for speed: no row filter, zlib's fastest level."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_GREY, _RGB, _PALETTE = 0, 2, 3
_MEM_LEVEL = 6  # tables that fit the cache


def encode_png(pixels: NDArray[np.uint8], palette: bytes | None = None) -> bytes:
    """Encodes a picture or an indexed mask.

    Args:
        pixels: `(height, width)` or `(height, width, 1)` for grey levels or indices
            of a palette, `(height, width, 3)` for RGB, uint8.
        palette: Red, green and blue of each index, if the pixels are indices.

    Returns:
        The bytes of the file.
    """
    height, width = pixels.shape[:2]
    channels = pixels.size // (height * width)
    kind = _PALETTE if palette else _RGB if channels == 3 else _GREY
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = 0  # no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    # Runs of one byte are found faster than any repetition; a coloured ground has none.
    is_grey = len(set(pixels[0, 0].tobytes())) == 1
    # Of runs zlib-ng writes the bytes of zlib in half the time; else larger files.
    library = zlib_ng if is_grey else zlib
    strategy = zlib.Z_RLE if is_grey else zlib.Z_DEFAULT_STRATEGY
    deflate = library.compressobj(
        1, zlib.DEFLATED, zlib.MAX_WBITS, _MEM_LEVEL, strategy
    )
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)),
            _chunk(b"PLTE", palette) if palette else b"",
            _chunk(b"IDAT", deflate.compress(rows.data) + deflate.flush()),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    )

"""idx files, the form that MNIST and its relatives come in."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from keras_xai.errors import InputError

UNSIGNED_BYTE = 0x08  # the only type of value that these data sets use


def read_idx(path: Path, num_axes: int) -> np.ndarray:
    """Reads one gzipped idx file of unsigned bytes.

    Args:
        path: the file, such as train-images-idx3-ubyte.gz.
        num_axes: 3 for images, 1 for labels.

    Returns:
        uint8, of the shape that the file's header gives.

    Raises:
        InputError: if the file is missing, not gzip, truncated, too long, or its magic
            number is another.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected an idx file.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be decompressed; expected a whole gzip file. "
            f"Received: {error}"
        ) from None
    magic = bytes((0, 0, UNSIGNED_BYTE, num_axes))
    if data[:4] != magic:
        raise InputError(
            f"{path} has another magic number; expected {magic.hex()}, unsigned bytes "
            f"along {num_axes} axes. Received: {data[:4].hex() or 'nothing'}"
        )
    start = 4 + 4 * num_axes
    if len(data) < start:
        raise InputError(f"{path} is truncated; its header needs {start} bytes.")
    shape = struct.unpack(f">{num_axes}I", data[4:start])
    num_expected = int(np.prod(shape, dtype=object))
    if len(data) - start != num_expected:
        raise InputError(
            f"{path} is truncated or too long; expected {num_expected} values, as its "
            f"header {shape} says. Received: {len(data) - start}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

"""Room for a data set's arrays: memory while it lasts, then a file."""

import math
import tempfile

import numpy as np

MAX_BYTES_IN_MEMORY = 4_000_000_000  # 26,000 images of 224x224x3


def allocate(
    shape: tuple[int, ...], *, max_bytes: int = MAX_BYTES_IN_MEMORY
) -> np.ndarray:
    """Makes a uint8 array, in memory or mapped to a temporary file.

    The file is in the folder of temporary files (`TMPDIR`), has no name, and its space
    is free again when the array is.

    Args:
        shape: of the array.
        max_bytes: the largest array to keep in memory.

    Returns:
        An array of zeros, or in a file, a `np.memmap` of zeros.
    """
    if math.prod(shape) <= max_bytes:
        return np.zeros(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)

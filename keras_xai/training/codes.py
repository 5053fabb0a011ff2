"""The codes L(X) of a frozen encoder, computed once and kept in memory or on disk."""

import math
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from keras_xai.datasets.gather import scale_images
from keras_xai.models.predict import predict_images

CHUNK_SIZE = 2048  # images in float32 at a time, fewer if they are large:
MAX_CHUNK_BYTES = 200_000_000
BATCH_SIZE = 256  # of a prediction
MAX_BYTES_IN_MEMORY = 1_500_000_000  # of codes; layer -5 of VGG-5 has 983 MB of them


class SpilledCodes:
    """Codes in an .npy file, indexed like an array.

    The file is mapped anew for each batch, so that what was read does not stay in the
    process' memory.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file."""
        self.path = path
        codes = np.load(path, mmap_mode="r")
        self.shape, self.dtype = codes.shape, codes.dtype

    def __len__(self) -> int:
        """Number of codes."""
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Reads some codes."""
        return np.asarray(np.load(self.path, mmap_mode="r")[indices])


def encode(
    encoder: keras.Model,
    images: np.ndarray,
    spill_path: Path,
    *,
    max_bytes: int | None = None,
) -> np.ndarray | SpilledCodes:
    """Computes every image's code.

    Args:
        encoder: a model from `build_encoder`.
        images: `(num_images, height, width, channels)` uint8, or float32 in [0, 1].
        spill_path: the .npy file to write if the codes exceed `max_bytes`.
        max_bytes: of codes to keep in memory, by default `MAX_BYTES_IN_MEMORY`.

    Returns:
        `(num_images, *code_shape)` float32.
    """
    shape = (len(images), *encoder.output_shape[1:])
    most = MAX_BYTES_IN_MEMORY if max_bytes is None else max_bytes
    if math.prod(shape) * 4 <= most:
        return predict(encoder, images)
    with spill_path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in _predict_chunks(encoder, images):
            file.write(chunk.tobytes())
    return SpilledCodes(spill_path)


def predict(
    model: keras.Model, images: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Runs a model of one output over images, in chunks.

    Args:
        model: from images in [0, 1].
        images: `(num_images, height, width, channels)` uint8, or float32 in [0, 1].
        out: where the outputs go, such as a memory map; by default a new array.

    Returns:
        `(num_images, ...)` float32.
    """
    if out is None:
        out = np.empty((len(images), *model.output_shape[1:]), np.float32)
    parts = chunks(images, model.output_shape[1:])
    for part, outputs in zip(parts, _predict_chunks(model, images), strict=True):
        out[part] = outputs
    return out


def chunks(images: np.ndarray, shape: tuple[int, ...] = ()) -> Iterator[slice]:
    """Parts images into pieces that fit into memory as float32, whatever their size.

    Args:
        images: `(num_images, height, width, channels)`.
        shape: of what is computed of each image, if that has to fit, too.
    """
    num_bytes = 4 * max(math.prod(images.shape[1:]), math.prod(shape))
    size = max(1, min(CHUNK_SIZE, MAX_CHUNK_BYTES // num_bytes))
    for start in range(0, len(images), size):
        yield slice(start, start + size)


def _predict_chunks(model: keras.Model, images: np.ndarray) -> Iterator[np.ndarray]:
    for part in chunks(images, model.output_shape[1:]):
        scaled = scale_images(images[part])
        outputs = predict_images(model, scaled, batch_size=BATCH_SIZE)
        yield np.asarray(outputs, np.float32)

"""Heatmaps on disk: one file a method, written whole, read a part at a time."""

import os
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_xai.datasets.gather import scale_images
from keras_xai.evaluation import baselines

Images = np.ndarray  # `(batch, height, width, channels)` uint8, as stored
Explain = Callable[[Images], np.ndarray]  # -> `(batch, height, width)` float32

JOINT = "joint"
THRESHOLD = 0.75  # of a heatmap's peak; in [IbPRIA19] Sec. 3, of a mask
BASELINES = {
    "baseline.random": "Each pixel is drawn uniformly.",
    "baseline.centre": "A Gaussian at the image's centre.",
    "baseline.sobel": "Edges: the length of the grey image's gradient, by Sobel.",
    "baseline.otsu": "The foreground, across Otsu's threshold from the background.",
    "baseline.input": "The image itself: how far each pixel's grey is from the "
    "commonest.",
}


def build_explain(name: str, joint: keras.Model | None, seed: int) -> Explain:
    """Builds the explaining function of the joint model or of a baseline.

    Args:
        name: "joint", or one of `BASELINES`.
        joint: the joint model, on stored images.
        seed: of the random baseline, which the function draws from as it is called.
    """
    if name == JOINT and joint is not None:
        image = tf.TensorSpec((None, *joint.input_shape[1:]), tf.uint8)
        explain = tf.function(
            lambda images: joint(images, training=False)["mask"][..., 0],
            input_signature=[image],  # one graph for every batch size
        )
        return lambda images: explain(images).numpy()
    rng = np.random.default_rng(seed)
    functions: dict[str, Explain] = {
        "baseline.random": lambda images: baselines.random_heatmaps(images, rng),
        "baseline.centre": baselines.centre_gaussian,
        "baseline.sobel": baselines.sobel_edges,
        "baseline.otsu": baselines.otsu,
        "baseline.input": baselines.background_distance,
    }
    function = functions[name]
    return lambda images: function(scale_images(images))


def write_heatmaps(
    explain: Explain,
    images: Images,
    filenames: Sequence[str],
    path: Path,
    *,
    batch_size: int = 32,
) -> None:
    """Explains images batch by batch, and times it as the analyzers are timed.

    The file holds `heatmap`, float32 `(num_images, height, width)`; `seconds`, float32
    `(num_images,)`, the time each image took in its batch, the first call not counted;
    `filename`. It is whole or not there.

    Args:
        explain: the explaining function.
        images: all of them; may be a memory map.
        filenames: one an image.
        path: the .npz to write.
        batch_size: images in a call.

    Raises:
        FloatingPointError: if a heatmap is not finite.
    """
    explain(images[:1])
    seconds = np.zeros(len(images), np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".heatmap-", dir=path.parent) as room:
        heatmap = np.lib.format.open_memmap(
            Path(room) / "heatmap.npy", "w+", np.float32, images.shape[:3]
        )
        for i in range(0, len(images), batch_size):
            batch = images[i : i + batch_size]
            start = time.perf_counter()
            explained = explain(batch)
            seconds[i : i + batch_size] = (time.perf_counter() - start) / len(batch)
            if not np.isfinite(explained).all():
                raise FloatingPointError("it gives values that are not finite")
            heatmap[i : i + batch_size] = explained
        part = Path(room) / "part.npz"
        np.savez(part, heatmap=heatmap, seconds=seconds, filename=np.array(filenames))
        os.replace(part, path)


def open_heatmaps(path: Path) -> np.ndarray:
    """Maps a file's heatmaps into memory, so that only what is used is read.

    Args:
        path: an .npz as from `write_heatmaps` or an analyzer.

    Returns:
        `(num_images, height, width)` float32, read-only.
    """
    with zipfile.ZipFile(path) as archive, archive.open("heatmap.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        start, header_size = archive.getinfo("heatmap.npy").header_offset, member.tell()
    with path.open("rb") as file:  # members are stored, not compressed
        file.seek(start + 26)
        name_size, extra_size = struct.unpack("<HH", file.read(4))
    offset = start + 30 + name_size + extra_size + header_size
    return np.memmap(path, dtype, "r", offset, shape)


def read_seconds_per_image(path: Path) -> float:
    """Reads a file's mean time an image, in seconds."""
    with np.load(path) as arrays:
        return float(arrays["seconds"].mean())


def scale_to_peak(heatmaps: np.ndarray) -> np.ndarray:
    """Brings heatmaps of all methods to one range, for thresholds.

    Args:
        heatmaps: `(num_images, height, width)`.

    Returns:
        The positive values as parts of each heatmap's largest, in [0, 1]; zeros where
        nothing is positive. Negative values become 0.
    """
    positive = np.maximum(heatmaps, 0)
    peak = positive.max(axis=(1, 2), keepdims=True)
    return np.divide(positive, peak, out=np.zeros_like(positive), where=peak > 0)

"""Batches gathered from arrays in a given order, for many small images a second."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf


@contextmanager
def gather_batches(
    inputs: Any, targets: Mapping[str, Any], batches: np.ndarray
) -> Iterator[tf.data.Dataset]:
    """Gathers whole batches for `fit`, in the given order, while the context lasts.

    TensorFlow never lets go of a function that a data set has called, nor of what the
    function holds; so the arrays are taken from it in the end.

    Args:
        inputs: `(num_images, ...)` images or codes: an array, or anything else with
            its indexing, `shape` and `dtype`. uint8 images come out in [0, 1].
        targets: likewise, one an output of the graph.
        batches: `(num_batches, batch_size)` indices, as from `draw_batches`.

    Yields:
        A data set of `(inputs, targets)`: float32, or int32 for labels.
    """
    arrays = [inputs, *targets.values()]

    def gather(indices: np.ndarray) -> list[np.ndarray]:
        return [array[indices] for array in arrays]

    def batch(indices: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        types = [tf.as_dtype(array.dtype) for array in arrays]
        gathered = tf.numpy_function(gather, [indices], types, stateful=False)
        for tensor, array in zip(gathered, arrays, strict=True):
            tensor.set_shape((batches.shape[1], *array.shape[1:]))
        first, *others = map(_scale, gathered)
        return first, dict(zip(targets, others, strict=True))

    dataset = tf.data.Dataset.from_tensor_slices(batches)
    try:
        dataset = dataset.map(batch, num_parallel_calls=2).prefetch(4)
        yield dataset.with_options(untuned())
    finally:
        arrays.clear()


def untuned() -> tf.data.Options:
    """Returns options under which TensorFlow does not tune a pipeline while it runs.

    Nothing is left for it to choose, and its thread, which sleeps twice as long every
    time, may hold up the end of `fit` until it wakes: for as long as `fit` took.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def scale_images(images: np.ndarray) -> np.ndarray:
    """Brings images to float32 in [0, 1].

    Args:
        images: uint8 in [0, 255], or float32 in [0, 1], which stay as they are.
    """
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    return images


def _scale(tensor: tf.Tensor) -> tf.Tensor:
    if tensor.dtype == tf.uint8:
        return tf.cast(tensor, tf.float32) / 255
    return tensor

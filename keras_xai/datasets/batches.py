"""Which images a batch holds, and annotated splits as tf.data batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from keras_xai.datasets.gather import untuned
from keras_xai.datasets.split import TARGET, Split


def draw_batches(
    num_images: int, batch_size: int, num_batches: int, *, seed: tuple[int, ...]
) -> np.ndarray:
    """Draws the images of every batch: pass after pass, each freshly permuted.

    A pass ends inside a batch if the sizes ask for it, so that no image is dropped.

    Args:
        num_images: number of images to draw from.
        batch_size: images a batch.
        num_batches: number of batches.
        seed: entropy of the order; the same seed gives the same batches.

    Returns:
        `(num_batches, batch_size)` int64 indices.
    """
    num_passes = -(-num_batches * batch_size // num_images)
    passes = [
        np.random.default_rng((*seed, k)).permutation(num_images)
        for k in range(num_passes)
    ]
    draws = np.concatenate(passes)[: num_batches * batch_size]
    return draws.reshape(num_batches, batch_size)


def draw_symmetries(
    batches: np.ndarray, *, square: bool, seed: tuple[int, ...]
) -> np.ndarray:
    """Draws a flip and a turn for every image of every batch.

    Args:
        batches: `(num_batches, batch_size)`, for its shape.
        square: whether images can be turned by 90 degrees.
        seed: entropy of the draw.

    Returns:
        `(num_batches, batch_size)` int64 in [0, 8), or even numbers alone unless
        square: arguments of `turn`.
    """
    step = 1 if square else 2
    return np.random.default_rng(seed).integers(8 // step, size=batches.shape) * step


def turn(image: np.ndarray, symmetry: int) -> np.ndarray:
    """Applies one of the eight symmetries of the square.

    Args:
        image: `(height, width, ...)`.
        symmetry: in [0, 8): `symmetry % 4` turns by 90 degrees, then a flip from 4 on.
    """
    turned = np.rot90(image, symmetry % 4)
    return turned[:, ::-1] if symmetry >= 4 else turned


@contextmanager
def training_batches(
    split: Split,
    batches: np.ndarray,
    symmetries: np.ndarray,
    *,
    mask_outputs: Sequence[str] = (),
) -> Iterator[tf.data.Dataset]:
    """Gathers batches for `fit`, in the given order, while the context lasts.

    Images stay uint8 until the model scales them. The split is taken from TensorFlow's
    functions in the end, as in `gather_batches`.

    Args:
        split: the images to draw from; may be memory-mapped.
        batches: `(num_batches, batch_size)` indices, as from `draw_batches`.
        symmetries: `(num_batches, batch_size)` flips and turns, as from
            `draw_symmetries`; 0 leaves an image as it is.
        mask_outputs: names of the graph's outputs whose target is a mask.

    Yields:
        A data set of `(images, targets)`: `probs`, the labels, and each of
        `mask_outputs`, `(batch, height, width, 2)` uint8: 1 on objects of the target
        class, and 1 in their boxes; 0 without annotations.
    """
    batch_size, image_shape = batches.shape[1], split.image_shape
    held = [split]

    def gather_images(
        indices: np.ndarray, symmetries: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        (split,) = held
        images = map(turn, split.images[indices], symmetries)
        return np.stack(list(images)), split.labels[indices]

    def gather_masks(indices: np.ndarray, symmetries: np.ndarray) -> np.ndarray:
        return np.stack(list(map(target_mask, indices, symmetries)))

    def target_mask(index: int, symmetry: int) -> np.ndarray:
        (split,) = held
        if split.object_maps is None:
            return np.zeros((*image_shape[:2], 2), np.uint8)
        region = split.object_maps[index] == TARGET
        both = np.stack([region, split.target_box_map(index)], axis=-1)
        return turn(both, symmetry).astype(np.uint8)

    def batch(indices: tf.Tensor, symmetries: tf.Tensor) -> tuple:
        images, labels = tf.numpy_function(
            gather_images, [indices, symmetries], (tf.uint8, tf.int32), stateful=False
        )
        images.set_shape((batch_size, *image_shape))
        labels.set_shape((batch_size,))
        targets = {"probs": labels}
        if mask_outputs:
            (masks,) = tf.numpy_function(
                gather_masks, [indices, symmetries], (tf.uint8,), stateful=False
            )
            masks.set_shape((batch_size, *image_shape[:2], 2))
            targets |= dict.fromkeys(mask_outputs, masks)
        return images, targets

    dataset = tf.data.Dataset.from_tensor_slices((batches, symmetries))
    del split  # `held` alone keeps it
    try:
        yield dataset.map(batch).prefetch(2).with_options(untuned())
    finally:
        held.clear()

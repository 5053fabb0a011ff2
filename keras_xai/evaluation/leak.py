"""Does a mask betray a label that the pixels under it do not show?

Train a predictor on images under random masks, from `draw_block_masks` and
`apply_masks`, then ask for its `masked_accuracy` under the masks that `binarise` or
`keep_top` makes of a method's heatmaps.
"""

import numpy as np

from keras_xai.evaluation.calls import Predict, predict_in_batches
from keras_xai.evaluation.checks import (
    check_at_least_one,
    check_heatmaps,
    check_images,
    check_labels,
    check_same_shape,
)


def binarise(heatmaps: np.ndarray, *, threshold: float = 0.75) -> np.ndarray:
    """Keeps the pixels above an absolute threshold; one equal to it is out.

    Args:
        heatmaps: `(num_images, height, width)`; values keep their sign.
        threshold: in the heatmaps' unit; 0.75 is that of [IbPRIA19] Sec. 3.

    Returns:
        `(num_images, height, width)` bool.

    Raises:
        ValueError: if a heatmap is not finite.
    """
    check_heatmaps(heatmaps)
    return heatmaps > threshold


def keep_top(
    heatmaps: np.ndarray, rng: np.random.Generator, *, share: float
) -> np.ndarray:
    """Keeps each heatmap's most relevant pixels, as many in all heatmaps.

    Pixels without positive relevance are not kept, so a heatmap that is positive on
    fewer keeps these alone. Ties are broken at random.

    Args:
        heatmaps: `(num_images, height, width)`; values keep their sign.
        rng: of the ties.
        share: of the pixels, in (0, 1]; at least one is kept.

    Returns:
        `(num_images, height, width)` bool.

    Raises:
        ValueError: if a heatmap is not finite or `share` is outside (0, 1].
    """
    check_heatmaps(heatmaps)
    if not 0 < share <= 1:
        raise ValueError(
            "Invalid value for `share`. Expected a number above 0 and up to 1. "
            f"Received: share={share}"
        )
    flat = heatmaps.reshape(len(heatmaps), -1)
    num_kept = max(1, round(share * flat.shape[1]))
    least = np.partition(flat, -num_kept, axis=1)[:, -num_kept, None]
    kept = flat > least
    for row, values, cut in zip(kept, flat, least, strict=True):
        tied = np.flatnonzero(values == cut)
        row[rng.choice(tied, num_kept - row.sum(), replace=False)] = True
    return (kept & (flat > 0)).reshape(heatmaps.shape)


def apply_masks(
    images: np.ndarray, masks: np.ndarray, *, fill_value: float = 0.0
) -> np.ndarray:
    """Keeps the pixels under each mask and fills the others.

    Args:
        images: `(…, height, width, channels)` float in [0, 1].
        masks: `(…, height, width)` bool.
        fill_value: in [0, 1], for all channels.

    Returns:
        `(…, height, width, channels)`, of the images' dtype.

    Raises:
        ValueError: if the shapes do not agree.
    """
    check_same_shape(masks, images[..., 0], "masks")
    return np.where(
        masks.astype(bool)[..., None], images, images.dtype.type(fill_value)
    )


def masked_accuracy(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray,
    *,
    fill_value: float = 0.0,
    batch_size: int = 32,
) -> np.ndarray:
    """Asks whether a predictor finds the label in what a mask leaves of an image.

    The predictor never met the method's masks, so a label coded in a mask's shape does
    not help it, while the pixels that show the class do. A method on whose masks the
    method's own classifier is right and this predictor is not leaks the label. With
    images of ones, the predictor sees the mask alone.

    Args:
        predict: `(batch, height, width, channels)` images to `(batch, num_classes)`
            probabilities, trained on random masks.
        images: `(num_images, height, width, channels)` float in [0, 1].
        labels: `(num_images,)` int.
        masks: `(num_images, height, width)` bool, see `binarise`.
        fill_value: in [0, 1], the one the predictor was trained with.
        batch_size: the most images in a call; there are ceil(num_images / batch_size).

    Returns:
        `(num_images,)` float64: 1 where the most probable class, of several the first,
        is the label, else 0. The mean is the accuracy.

    Raises:
        ValueError: if shapes do not agree, images leave [0, 1], or a label is no class
            index.

    Reference:
        Jethani et al., Have We Learned to Explain?, 2021: EVAL-X.
    """
    check_images(images, masks)
    check_labels(labels, images)
    masked = (
        apply_masks(image, mask, fill_value=fill_value)
        for image, mask in zip(images, masks, strict=True)
    )
    outputs = predict_in_batches(predict, masked, labels, batch_size)
    return np.array([probs.argmax() == label for probs, label in outputs], np.float64)


def draw_block_masks(
    num_images: int,
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    block_size: int = 8,
) -> np.ndarray:
    """Draws masks of square blocks, each kept independently of the others.

    Args:
        num_images: the number of masks.
        height: in pixels.
        width: in pixels.
        rng: the only source of randomness.
        block_size: the side of a block; 1 draws pixels. Blocks at the right and lower
            border may be cut.

    Returns:
        `(num_images, height, width)` bool.

    Raises:
        ValueError: if `block_size` is below 1.

    Reference:
        Jethani et al., Have We Learned to Explain?, 2021.

    Notes:
        There a block is kept with probability 0.5. Here each mask first draws its own
        probability from [0, 1], so that masks as small as an explainer's occur.
    """
    check_at_least_one(block_size, "block_size")
    num_rows, num_columns = -(-height // block_size), -(-width // block_size)
    kept = rng.random((num_images, num_rows, num_columns)) < rng.random(
        (num_images, 1, 1)
    )
    pixels = kept.repeat(block_size, axis=1).repeat(block_size, axis=2)
    return pixels[:, :height, :width]

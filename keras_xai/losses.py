"""Every loss term, one pure function per equation, one value per image."""

from typing import Any

import keras

Tensor = Any  # of the backend


def l1(target_mask: Tensor, mask: Tensor) -> Tensor:
    """Sums the mask's absolute values over its pixels.

    Keras averages the returned values over the batch. The paper's Keras 2.2.4 summed
    over pixels and batch; `JointConfig.l1_weight` holds the factor between the two.

    Args:
        target_mask: not used. Any shape.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32, in pixels.

    Reference:
        [IbPRIA19] Sec. 2.3: "L1 regularisation" of the explainer's output.
    """
    return keras.ops.sum(keras.ops.abs(mask), axis=(1, 2, 3))


def total_variation(target_mask: Tensor, mask: Tensor) -> Tensor:
    """Means the absolute differences between neighbours, down and to the right.

    Args:
        target_mask: not used. Any shape.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32: the sum of all differences over the number of pixels.

    Reference:
        Rio-Torto et al. 2020, Sec. 3; [IbPRIA19] Sec. 4 has it as future work.
    """
    rows = keras.ops.abs(mask[:, 1:] - mask[:, :-1])
    columns = keras.ops.abs(mask[:, :, 1:] - mask[:, :, :-1])
    differences = keras.ops.sum(rows, (1, 2, 3)) + keras.ops.sum(columns, (1, 2, 3))
    return differences / (mask.shape[1] * mask.shape[2])


def outside_boxes(target_mask: Tensor, mask: Tensor) -> Tensor:
    """Means the mask over the pixels outside the targets' boxes.

    Args:
        target_mask: `(batch, height, width, 2)`; the second channel is 1 in the boxes
            of targets and 0 elsewhere, as from `training_batches`.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32; 0 where boxes cover the whole image.

    Reference:
        Rio-Torto et al. 2020, Sec. 3: the third term of its hybrid loss.
    """
    outside = 1 - keras.ops.cast(target_mask[..., 1:], mask.dtype)
    inked = keras.ops.sum(outside * mask, (1, 2, 3))
    return inked / keras.ops.maximum(keras.ops.sum(outside, (1, 2, 3)), 1)


def supervised(target_mask: Tensor, mask: Tensor) -> Tensor:
    """Means the binary cross-entropy between the mask and the annotation over pixels.

    Args:
        target_mask: `(batch, height, width, 2)`; the first channel is 1 on objects of
            the target class and 0 elsewhere, as from `training_batches`.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32.

    Reference:
        [IbPRIA19] Sec. 4 has it as future work.
    """
    regions = keras.ops.cast(target_mask[..., :1], mask.dtype)
    per_row = keras.losses.binary_crossentropy(regions, mask)
    return keras.ops.mean(per_row, (1, 2))


def squared_error(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Sums the squared difference over an image's pixels and channels.

    Keras' `MeanSquaredError` is this divided by the number of values (1024 at 32x32);
    alpha of [IDA21] Eq. 1 means something else under it.

    Args:
        images: `(batch, height, width, channels)` float32 in [0, 1].
        reconstructions: the same.

    Returns:
        `(batch,)` float32.

    Reference:
        [IDA21] Eq. 1, first term.
    """
    return keras.ops.sum(keras.ops.square(images - reconstructions), axis=(1, 2, 3))

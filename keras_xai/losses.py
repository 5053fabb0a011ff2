"""Every loss term on a mask, one pure function per equation, one value per image."""

import keras


def l1(target_mask, mask):
    """Sums the mask's absolute values over its pixels.

    Keras averages the returned values over the batch. The paper's Keras 2.2.4 summed
    over pixels and batch; `JointConfig.l1_weight` holds the factor between the two.

    Args:
        target_mask: not used: the explanation is unsupervised. Any shape.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32, in pixels.

    Reference:
        [IbPRIA19] Sec. 2.3: "L1 regularisation" of the explainer's output.
    """
    return keras.ops.sum(keras.ops.abs(mask), axis=(1, 2, 3))


def squared_error(images, reconstructions):
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

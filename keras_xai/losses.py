"""Every loss term on a mask, one pure function per equation, one value per image."""

import keras


def l1(target_mask, mask):
    """Sums the mask's absolute values over its pixels.

    Keras averages the returned values over the batch. The paper's Keras 2.2.4 summed
    over pixels and batch; `Stage.l1_reduction` holds the factor between the two.

    Args:
        target_mask: not used: the explanation is unsupervised. Any shape.
        mask: `(batch, height, width, 1)` float32 in [0, 1].

    Returns:
        `(batch,)` float32, in pixels.

    Reference:
        [IbPRIA19] Sec. 2.3: "L1 regularisation" of the explainer's output.
    """
    return keras.ops.sum(keras.ops.abs(mask), axis=(1, 2, 3))

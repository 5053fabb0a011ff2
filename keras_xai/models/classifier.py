"""The VGG-style classifier of the joint model, whose poolings see a masked input."""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_xai.models.explainer import check_divisible


def build_classifier(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256),
    mask_pooling: Literal["max", "average"] = "max",
    dense_units: Sequence[int] = (128, 128),
    dense_activation: str = "sigmoid",
    dropout: float = 0.3,
    kernel_initializer: str = "glorot_uniform",
) -> keras.Model:
    """Builds the classifier: conv-conv-multiply-pool stages and dense layers.

    Before every pooling the features are multiplied by the mask, which is halved
    beside them. A white mask leaves a plain VGG (see `remove_mask`).

    Args:
        image_shape: `(height, width, channels)`; height and width must be divisible by
            `2 ** len(filters)`.
        num_classes: number of classes.
        filters: number of filters of each stage.
        mask_pooling: how the mask is halved. "max" keeps thin lines alive (the
            authors' first code), "average" lets them fade (their later code).
        dense_units: widths of the dense layers between pooling and softmax.
        dense_activation: activation of the dense layers ("sigmoid" in the authors'
            code; the paper's text does not say).
        dropout: rate after each dense layer; 0 leaves the layer out.
        kernel_initializer: initializer of the convolutions.

    Returns:
        A model from `image`, `(batch, height, width, channels)` float32, and `mask`,
        `(batch, height, width, 1)` float32 in [0, 1], to `probs`,
        `(batch, num_classes)` float32 in [0, 1].

    Raises:
        ValueError: if the image cannot be halved `len(filters)` times, or an option
            is out of range.

    Reference:
        [IbPRIA19] Sec. 2.1, Fig. 2.
    """
    check_divisible(image_shape, len(filters), "filters")
    if num_classes < 2:
        raise ValueError(
            "Invalid value for `num_classes`. Expected at least 2. "
            f"Received: num_classes={num_classes}"
        )
    poolings = {
        "max": keras.layers.MaxPooling2D,
        "average": keras.layers.AveragePooling2D,
    }
    if mask_pooling not in poolings:
        raise ValueError(
            "Invalid value for `mask_pooling`. Expected 'max' or 'average'. "
            f"Received: mask_pooling={mask_pooling!r}"
        )

    image = keras.Input(image_shape, name="image")
    mask = keras.Input((*image_shape[:2], 1), name="mask")
    x, resized_mask = image, mask
    for stage, num_filters in enumerate(filters, start=1):
        for conv in (1, 2):
            x = keras.layers.Conv2D(
                num_filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer=kernel_initializer,
                name=f"block{stage}_conv{conv}",
            )(x)
        x = keras.layers.Multiply(name=f"block{stage}_mask")([x, resized_mask])
        x = keras.layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
        if stage < len(filters):
            resized_mask = poolings[mask_pooling](2, name=f"mask{stage}_pool")(
                resized_mask
            )

    x = keras.layers.GlobalMaxPooling2D(name="features")(x)
    for index, units in enumerate(dense_units, start=1):
        x = keras.layers.Dense(units, activation=dense_activation, name=f"fc{index}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"fc{index}_dropout")(x)
    probs = keras.layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="probs"
    )(x)
    return keras.Model({"image": image, "mask": mask}, probs, name="classifier")

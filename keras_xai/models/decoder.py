"""The decoder of ClaDec and RefAE: a layer's activation in, an image out."""

import math
from typing import Any

import keras

MAX_FILTERS = 512  # of VGG-5's last convolution
KERNEL_SIZE = 5


def build_decoder(
    code_shape: tuple[int, ...],
    image_shape: tuple[int, int, int],
    *,
    filters: int = 32,
) -> keras.Model:
    """Builds a chain of 5x5 transposed convolutions that each double the size.

    It mirrors a classifier that halves the image, rounding up, until a single pixel is
    left: a lower layer's decoder is a higher one's without its first doublings. After
    each doubling the last row and column go if the size mirrored is odd.

    Args:
        code_shape: of the activation without its batch axis: `(units,)`, for which a
            dense layer makes the single pixel, or `(height, width, channels)`. A size
            between two halvings, as unpadded convolutions leave, is first resized
            bilinearly to the larger one.
        image_shape: `(height, width, channels)`.
        filters: number of filters before the last doubling; each doubling before it
            has twice as many, up to `MAX_FILTERS`.

    Returns:
        A model from `code`, `(batch, *code_shape)` float32, to `reconstruction`,
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: if the code is neither flat nor spatial, or larger than the image.

    Reference:
        [IDA21] Sec. 5: "a standard design, ie. using 5x5 deconvolutional layers".
    """
    if len(code_shape) not in (1, 3) or None in code_shape:
        raise ValueError(
            "Invalid value for `code_shape`. Expected (units,) or (height, width, "
            f"channels), all known. Received: code_shape={tuple(code_shape)}"
        )
    *image_size, num_channels = image_shape
    sizes = halve_sizes(image_size[0], image_size[1])
    code = keras.Input(code_shape, name="code")
    if len(code_shape) == 1:
        num_doublings = len(sizes) - 1
        units = _num_filters(filters, num_doublings)
        x = keras.layers.Dense(units, activation="relu", name="dense")(code)
        x = keras.layers.Reshape((1, 1, units), name="pixel")(x)
    else:
        size = code_shape[:2]
        if size[0] > image_size[0] or size[1] > image_size[1]:
            raise ValueError(
                "Invalid value for `code_shape`. Expected a height and width of at "
                f"most the image's {tuple(image_size)}. "
                f"Received: code_shape={tuple(code_shape)}"
            )
        num_doublings = max(
            k for k, s in enumerate(sizes) if s[0] >= size[0] and s[1] >= size[1]
        )
        x = code
        if size != sizes[num_doublings]:
            x = keras.layers.Resizing(*sizes[num_doublings], name="resize")(x)

    for remaining in range(num_doublings - 1, 0, -1):
        x = _apply_doubling(
            x,
            _num_filters(filters, remaining),
            sizes[remaining],
            activation="relu",
            name=f"up{num_doublings - remaining}",
        )
    if num_doublings:
        name = f"up{num_doublings}"
        x = _apply_doubling(x, num_channels, sizes[0], dtype="float32", name=name)
    else:
        x = keras.layers.Conv2D(
            num_channels, KERNEL_SIZE, padding="same", dtype="float32", name="head"
        )(x)
    reconstruction = keras.layers.Activation(
        "sigmoid", dtype="float32", name="reconstruction"
    )(x)
    return keras.Model(code, reconstruction, name="decoder")


def halve_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Lists an image's size and its halvings, rounded up, down to a single pixel."""
    sizes = [(height, width)]
    while sizes[-1] != (1, 1):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _num_filters(filters: int, num_doublings: int) -> int:
    """Returns the width of what `num_doublings` transposed convolutions follow."""
    return min(filters * 2 ** (num_doublings - 1), MAX_FILTERS)


def _apply_doubling(
    x: keras.KerasTensor, num_filters: int, size: tuple[int, int], **options: Any
) -> keras.KerasTensor:
    if x.shape[1:3] == (1, 1):
        x = _double_pixel(x, num_filters, **options)
    else:
        x = keras.layers.Conv2DTranspose(
            num_filters, KERNEL_SIZE, strides=2, padding="same", **options
        )(x)
    excess = [
        doubled - wanted for doubled, wanted in zip(x.shape[1:3], size, strict=True)
    ]
    if any(excess):
        x = keras.layers.Cropping2D(
            tuple((0, rows) for rows in excess), name=f"{options['name']}_crop"
        )(x)
    return x


def _double_pixel(
    x: keras.KerasTensor, num_filters: int, **options: Any
) -> keras.KerasTensor:
    """Applies the transposed convolution to a single pixel, as a matrix product.

    Of the 5x5 kernel only the middle 2x2 reach an output. They start as they would in
    the whole kernel, with Glorot and Bengio's limit for 5x5; the others have no use.
    """
    num_inputs = x.shape[-1]
    limit = math.sqrt(6 / (KERNEL_SIZE**2 * (num_inputs + num_filters)))
    return keras.layers.EinsumDense(
        "bhwi,hwipqo->bpqo",
        output_shape=(2, 2, num_filters),
        bias_axes="o",
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        **options,
    )(x)

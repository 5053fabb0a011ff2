"""VGG-5, the classifier that the second paper explains."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import keras

# The paper counts layers that have parameters, from the output. It says that layer -1
# has one value a class, that -2 is "the last conv. layer" with "more than 100" values,
# and that lower layers need fewer transposed convolutions. A convolution's output is
# taken after pooling and ReLU, where the next layer reads it.
PAPER_LAYERS: Mapping[int, str] = MappingProxyType(
    {
        -1: "logits",  # not "probs": a saturated softmax knows the class alone
        -2: "block5",  # 1x1x512 at 32x32
        -3: "block4",  # 2x2x256
        -4: "block3",  # 4x4x128
        -5: "block2",  # 8x8x64
    }
)


def build_vgg5(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    batch_norm: bool = False,
) -> keras.Model:
    """Builds VGG-5: five stages of convolution, pooling and ReLU, and a dense layer.

    The paper names the network and no more. Five stages make -2 the last convolution,
    1x1x512 at 32x32; widths double as in every VGG. ReLU comes after pooling: the same
    function, as either order keeps the largest value, on a quarter of the pixels.

    Args:
        image_shape: `(height, width, channels)`. Pooling rounds odd sizes up.
        num_classes: number of classes, at least 2.
        filters: number of filters of each stage.
        batch_norm: whether to normalise before each pooling. Off: VGG has none, the
            paper mentions none, and it triples the time of a training step on a CPU.

    Returns:
        A model from `image`, `(batch, height, width, channels)` float32 in [0, 1], to
        `probs`, `(batch, num_classes)` float32 in [0, 1]. The stages' outputs are
        `block1`, `block2`, …

    Raises:
        ValueError: if there are fewer than 2 classes.

    Reference:
        [IDA21] Sec. 5.
    """
    check_num_classes(num_classes)
    image = keras.Input(image_shape, name="image")
    x = image
    for stage, num_filters in enumerate(filters, start=1):
        x = keras.layers.Conv2D(
            num_filters,
            3,
            padding="same",
            kernel_initializer="he_normal",
            name=f"block{stage}_conv",
        )(x)
        if batch_norm:
            x = keras.layers.BatchNormalization(name=f"block{stage}_norm")(x)
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"block{stage}_pool")(x)
        x = keras.layers.Activation("relu", name=f"block{stage}")(x)
    x = keras.layers.Flatten(name="features")(x)
    return keras.Model(image, apply_classifier_head(x, num_classes), name="vgg5")


def apply_classifier_head(x: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Applies `logits` and `probs`, both in float32 whatever the dtype policy."""
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.layers.Activation("softmax", dtype="float32", name="probs")(logits)


def check_num_classes(num_classes: int) -> None:
    """Raises a ValueError unless there are at least two classes."""
    if num_classes < 2:
        raise ValueError(
            "Invalid value for `num_classes`. Expected at least 2. "
            f"Received: num_classes={num_classes}"
        )

"""ResNet-10, the second paper's other classifier."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import keras

from keras_xai.models.vgg5 import apply_classifier_head, check_num_classes

# "For ResNet-10 we reconstructed after each block": counted from the output, as VGG-5.
PAPER_LAYERS: Mapping[int, str] = MappingProxyType(
    {-1: "logits", -2: "block4", -3: "block3", -4: "block2", -5: "block1"}
)


def build_resnet10(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256),
) -> keras.Model:
    """Builds ResNet-10: a convolution, four residual blocks of two, a dense layer.

    The paper names the network and no more. The stem is a 3x3 convolution without
    pooling, as is usual for images this small, and the width that of `build_vgg5`.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: number of classes, at least 2.
        filters: number of filters of each block; every block but the first halves the
            image, rounding up.

    Returns:
        A model from `image`, `(batch, height, width, channels)` float32 in [0, 1], to
        `probs`, `(batch, num_classes)` float32 in [0, 1]. The block's outputs are
        `block1`, `block2`, …

    Raises:
        ValueError: if there are fewer than 2 classes.

    Reference:
        [IDA21] Sec. 5; He et al., Deep Residual Learning, 2016.
    """
    check_num_classes(num_classes)
    image = keras.Input(image_shape, name="image")
    x = _apply_conv(image, filters[0], 1, "stem", kernel_size=3)
    x = keras.layers.Activation("relu", name="stem_relu")(x)
    for index, num_filters in enumerate(filters, start=1):
        x = _apply_block(x, num_filters, 1 if index == 1 else 2, f"block{index}")
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(image, apply_classifier_head(x, num_classes), name="resnet10")


def _apply_block(
    x: keras.KerasTensor, num_filters: int, stride: int, name: str
) -> keras.KerasTensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != num_filters:
        shortcut = _apply_conv(x, num_filters, stride, f"{name}_shortcut", 1)
    x = _apply_conv(x, num_filters, stride, f"{name}_conv1", 3)
    x = keras.layers.Activation("relu", name=f"{name}_relu1")(x)
    x = _apply_conv(x, num_filters, 1, f"{name}_conv2", 3)
    x = keras.layers.Add(name=f"{name}_sum")([x, shortcut])
    return keras.layers.Activation("relu", name=name)(x)


def _apply_conv(
    x: keras.KerasTensor, num_filters: int, stride: int, name: str, kernel_size: int
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        num_filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return keras.layers.BatchNormalization(name=f"{name}_norm")(x)

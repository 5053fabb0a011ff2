"""Kernels' gradients of convolutions on very small maps, as one matrix product."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_xai.models.cloning import list_layers

MAX_PIXELS = 4  # of the smaller of the two maps
KINDS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)


@contextmanager
def matrix_kernel_gradients(model: keras.Model) -> Iterator[None]:
    """Lets a model's convolutions train faster on maps of at most four pixels.

    oneDNN takes a third of a small network's step for the kernels' gradients there;
    patches gathered into rows, a gradient is one product of matrices. Layers, weights
    and outputs stay as they are.

    Args:
        model: a functional or Sequential model. What is traced while the context lasts,
            such as `fit`, is faster.
    """
    layers = {layer for layer in list_layers(model, KINDS) if _suits(layer)}
    for layer in layers:
        layer.call = partial(_call, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call  # its class' is left


def _suits(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) in KINDS
        and layer.padding == "same"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "output_padding", None) is None
    )


def _call(layer: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    """Does what the layer's own `call` does."""
    height, width = inputs.shape[1:3]
    is_transposed = type(layer) is keras.layers.Conv2DTranspose
    if not is_transposed and None not in (height, width):
        height, width = -(-height // layer.strides[0]), -(-width // layer.strides[1])
    if None in (height, width) or height * width > MAX_PIXELS:
        return type(layer).call(layer, inputs)
    kernel = keras.ops.convert_to_tensor(layer.kernel)
    outputs = _convolve(inputs, kernel, layer.strides, is_transposed=is_transposed)
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, keras.ops.convert_to_tensor(layer.bias))
    return outputs if layer.activation is None else layer.activation(outputs)


def _convolve(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    strides: tuple[int, int],
    *,
    is_transposed: bool,
) -> tf.Tensor:
    shape = tf.shape(inputs)  # of the large map
    if is_transposed:
        _, height, width, _ = inputs.shape
        shape = shape[0], height * strides[0], width * strides[1], kernel.shape[2]

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> Any:
        def shrink(large: tf.Tensor) -> tf.Tensor:
            return tf.nn.conv2d(large, kernel, strides, "SAME")

        def grow(small: tf.Tensor) -> tf.Tensor:
            return tf.nn.conv2d_transpose(small, kernel, shape, strides)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            back = shrink if is_transposed else grow
            maps = (upstream, inputs) if is_transposed else (inputs, upstream)
            return back(upstream), _kernel_gradient(*maps, kernel.shape, strides)

        return (grow if is_transposed else shrink)(inputs), gradient

    return convolve(inputs, kernel)


def _kernel_gradient(
    large: tf.Tensor,
    small: tf.Tensor,
    shape: tuple[int, ...],
    strides: tuple[int, int],
) -> tf.Tensor:
    """Multiplies every pixel of the small map with its patch of the large one."""
    patches = tf.image.extract_patches(
        large, [1, *shape[:2], 1], [1, *strides, 1], [1, 1, 1, 1], "SAME"
    )
    product = tf.matmul(
        tf.reshape(patches, (-1, patches.shape[-1])),
        tf.reshape(small, (-1, small.shape[-1])),
        transpose_a=True,
    )
    return tf.reshape(product, shape)

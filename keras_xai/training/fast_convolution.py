"""A convolution in the form that trains fastest on maps of its size."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_xai.training import small_maps
from keras_xai.training.small_maps import Geometry

Map = Callable[[tf.Tensor], tf.Tensor]

MAX_MATRIX_PIXELS = 4  # of the small map
MAX_PRODUCT_PIXELS = 16  # on 8x8 pixels, writing patches costs what it saves
MAX_PHASE_FILTERS = 4  # more fill a vector by themselves


def convolve(layer: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    """Does what a convolution's own `call` does.

    Of a 5x5 kernel few taps meet on 2x2 pixels, but oneDNN computes all, and takes long
    for kernels' gradients, and where a transposed convolution has few filters. In
    bfloat16 a transposed convolution's bias has hardly a gradient in TensorFlow: it is
    summed in bfloat16, where 256 + 1 = 256. Here it has one.

    Args:
        layer: a `Conv2D` or `Conv2DTranspose`.
        inputs: `(batch, height, width, channels)` in the layer's dtype.
    """
    height, width = inputs.shape[1:3]
    if not _suits(layer) or height is None or width is None:
        return type(layer).call(layer, inputs)
    geometry = _find_geometry(layer, height, width)
    if not (_is_transposed(layer) or _is_small(geometry)):
        return type(layer).call(layer, inputs)
    outputs = _convolve(inputs, _read(layer.kernel), geometry, _is_transposed(layer))
    if layer.use_bias:
        outputs = _add_bias(outputs, _read(layer.bias))
    return outputs if layer.activation is None else layer.activation(outputs)


def _suits(layer: keras.layers.Layer) -> bool:
    return (
        layer.padding == "same"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "output_padding", None) is None
    )


def _read(variable: keras.Variable) -> tf.Tensor:
    """Reads a variable in the dtype that its layer computes in."""
    return tf.convert_to_tensor(keras.ops.convert_to_tensor(variable))


@tf.custom_gradient
def _add_bias(outputs: tf.Tensor, bias: tf.Tensor) -> Any:
    """Adds a bias whose gradient is summed in full."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream, tf.reduce_sum(upstream, (0, 1, 2))

    return tf.nn.bias_add(outputs, bias), gradient


def _is_transposed(layer: keras.layers.Layer) -> bool:
    return type(layer) is keras.layers.Conv2DTranspose


def _find_geometry(layer: keras.layers.Layer, height: int, width: int) -> Geometry:
    rows, columns = layer.strides
    if _is_transposed(layer):
        large, small = (height * rows, width * columns), (height, width)
    else:
        large, small = (height, width), (-(-height // rows), -(-width // columns))
    return Geometry(large, small, layer.kernel_size, layer.strides)


def _is_small(geometry: Geometry) -> bool:
    return bool(np.prod(geometry.small) <= MAX_PRODUCT_PIXELS)


def _has_phases(geometry: Geometry, num_filters: int) -> bool:
    rows, columns = geometry.strides
    height, width = geometry.small
    return (
        rows == columns > 1
        and num_filters <= MAX_PHASE_FILTERS
        and geometry.large == (height * rows, width * columns)
    )


def _is_dense(geometry: Geometry) -> bool:
    """Whether at least half of all pairs of pixels of the two maps share a tap."""
    if np.prod(geometry.small) > MAX_MATRIX_PIXELS:
        return False
    return (small_maps.list_taps(geometry) < np.prod(geometry.kernel)).mean() >= 0.5


def _convolve(
    inputs: tf.Tensor, kernel: tf.Tensor, geometry: Geometry, is_transposed: bool
) -> tf.Tensor:
    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> Any:
        shrink, grow = _choose(kernel, geometry)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            back = shrink if is_transposed else grow
            maps = (upstream, inputs) if is_transposed else (inputs, upstream)
            return back(upstream), _differentiate_kernel(*maps, geometry)

        return (grow if is_transposed else shrink)(inputs), gradient

    return convolve(inputs, kernel)


def _choose(kernel: tf.Tensor, geometry: Geometry) -> tuple[Map, Map]:
    """Returns functions that make the small map of the large and the reverse."""
    if _is_dense(geometry):
        matrices = small_maps.make_matrices(kernel, geometry)
        return (
            lambda large: small_maps.shrink(large, matrices, geometry),
            lambda small: small_maps.grow(small, matrices, geometry),
        )

    def shrink(large: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(large, kernel, geometry.strides, "SAME")

    def grow(small: tf.Tensor) -> tf.Tensor:
        if _has_phases(geometry, kernel.shape[2]):
            return small_maps.grow_by_phases(small, kernel, geometry)
        shape = tf.shape(small)[0], *geometry.large, kernel.shape[2]
        return tf.nn.conv2d_transpose(small, kernel, shape, geometry.strides)

    return shrink, grow


def _differentiate_kernel(
    large: tf.Tensor, small: tf.Tensor, geometry: Geometry
) -> tf.Tensor:
    if _is_small(geometry):
        return small_maps.differentiate_kernel(large, small, geometry)
    return tf.raw_ops.Conv2DBackpropFilter(
        input=large,
        filter_sizes=(*geometry.kernel, large.shape[-1], small.shape[-1]),
        out_backprop=small,
        strides=[1, *geometry.strides, 1],
        padding="SAME",
    )

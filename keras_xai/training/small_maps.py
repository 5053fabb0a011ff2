"""Convolutions on small maps, in the forms that take a processor least time.

A convolution and a transposed one relate a large map and a small one in the same way:
`shrink` makes the small map of the large, `grow` the large of the small, and each is
the other's gradient. Kernels are `(height, width, large_channels, small_channels)`, the
library's layout for both. Padding is "same".
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Geometry(NamedTuple):
    """Sizes of a convolution, each `(height, width)`."""

    large: tuple[int, int]
    small: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]

    @property
    def before(self) -> tuple[int, int]:
        """Rows above, and columns to the left, that "same" pads the large map with."""
        top, left = (
            max((small - 1) * stride + taps - large, 0) // 2
            for large, small, taps, stride in zip(*self, strict=True)
        )
        return top, left


def list_taps(geometry: Geometry) -> np.ndarray:
    """Lists which tap of a kernel relates a small map's pixel and a large one's.

    Returns:
        `(small_pixels, large_pixels)` int, counted along the kernel's rows; one beyond
        the last for pixels that no tap relates.
    """
    axes = []
    sizes = zip(*geometry, geometry.before, strict=True)
    for large, small, num_taps, stride, before in sizes:
        tap = np.arange(large)[None] + before - stride * np.arange(small)[:, None]
        axes.append(np.where((tap >= 0) & (tap < num_taps), tap, -1))
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    height, width = geometry.kernel
    taps = np.where((rows < 0) | (columns < 0), height * width, rows * width + columns)
    return taps.reshape(np.prod(geometry.small), np.prod(geometry.large))


def make_matrices(kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Writes a kernel as what it is to maps of few pixels, a matrix for each small one.

    Returns:
        `(small_pixels, large_pixels * large_channels, small_channels)`.
    """
    taps = list_taps(geometry)
    rows = tf.reshape(kernel, (np.prod(geometry.kernel), -1))
    if taps.max() == rows.shape[0]:
        rows = tf.pad(rows, [[0, 1], [0, 0]])
    rows = tf.gather(rows, taps.ravel())
    return tf.reshape(rows, (len(taps), -1, kernel.shape[3]))


def shrink(large: tf.Tensor, matrices: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Multiplies the large map with the matrix of each pixel of the small one."""
    product = tf.matmul(tf.reshape(large, (1, -1, matrices.shape[1])), matrices)
    pixels = tf.transpose(product, (1, 0, 2))
    return tf.reshape(pixels, (-1, *geometry.small, matrices.shape[2]))


def grow(small: tf.Tensor, matrices: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Adds up what each pixel of the small map gives to the large one."""
    pixels = tf.reshape(small, (-1, matrices.shape[0], matrices.shape[2]))
    products = tf.matmul(tf.transpose(pixels, (1, 0, 2)), matrices, transpose_b=True)
    num_channels = matrices.shape[1] // np.prod(geometry.large)
    return tf.reshape(tf.reduce_sum(products, 0), (-1, *geometry.large, num_channels))


def grow_by_phases(
    small: tf.Tensor, kernel: tf.Tensor, geometry: Geometry
) -> tf.Tensor:
    """Makes the large map by a convolution with a filter for each place in a stride.

    Both strides must be the same, and the large map as many times as large.

    Reference:
        Shi et al., "Is the deconvolution layer the same as a convolutional layer?"
        (2016).
    """
    stride = geometry.strides[0]
    tables = [
        _list_phases(taps, stride, before)
        for taps, before in zip(geometry.kernel, geometry.before, strict=True)
    ]
    rows = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])
    rows = tf.gather(rows, tables[0].ravel(), axis=0)
    rows = tf.gather(rows, tables[1].ravel(), axis=1)
    height, width = (len(table) for table in tables)
    rows = tf.reshape(rows, (height, stride, width, stride, *kernel.shape[2:]))
    filters = tf.reshape(
        tf.transpose(rows, (0, 2, 5, 1, 3, 4)), (height, width, kernel.shape[3], -1)
    )
    return tf.nn.depth_to_space(tf.nn.conv2d(small, filters, 1, "SAME"), stride)


def differentiate_kernel(
    large: tf.Tensor, small: tf.Tensor, geometry: Geometry
) -> tf.Tensor:
    """Computes a kernel's gradient as one product of matrices.

    Args:
        large: the large map, or the gradient with respect to it.
        small: the gradient with respect to the small map, or the map.

    Returns:
        `(height, width, large_channels, small_channels)`.
    """
    patches = tf.concat(_slice_taps(large, geometry), -1)
    product = tf.matmul(
        tf.reshape(patches, (-1, patches.shape[-1])),
        tf.reshape(small, (-1, small.shape[-1])),
        transpose_a=True,
    )
    return tf.reshape(product, (*geometry.kernel, large.shape[-1], small.shape[-1]))


def _list_phases(num_taps: int, stride: int, before: int) -> np.ndarray:
    """Lists the tap from a small pixel at an offset to a place in a stride.

    Returns:
        `(offsets, stride)` int, offsets as many before as behind; -1 for none.
    """
    reach = max(before, num_taps - 1 - before) // stride + 1
    offset, place = np.arange(-reach, reach + 1)[:, None], np.arange(stride)[None]
    tap = place + before - stride * offset
    tap = np.where((tap >= 0) & (tap < num_taps), tap, -1)
    while (tap[[0, -1]] < 0).all():
        tap = tap[1:-1]
    return np.where(tap < 0, num_taps, tap)


def _slice_taps(large: tf.Tensor, geometry: Geometry) -> list[tf.Tensor]:
    """Lists, for each tap, the large map's pixels that it relates to the small map's.

    Slices with steps are slow, so that steps become an axis of their own first.
    """
    padding, shape, sizes = [], [], zip(*geometry, geometry.before, strict=True)
    for size, small, taps, stride, before in sizes:
        num_steps = small - 1 + -(-taps // stride)
        padding.append([before, max(num_steps * stride - size - before, 0)])
        shape += [num_steps, stride]
    padded = tf.pad(large, [[0, 0], *padding, [0, 0]])
    padded = padded[:, : shape[0] * shape[1], : shape[2] * shape[3]]
    steps = tf.reshape(padded, (-1, *shape, large.shape[-1]))
    (height, width), (rows, columns) = geometry.small, geometry.strides
    phases = {(i, j): steps[:, :, i, :, j] for i in range(rows) for j in range(columns)}
    slices = []
    for i, j in np.ndindex(geometry.kernel):
        top, left = i // rows, j // columns
        phase = phases[i % rows, j % columns]
        slices.append(phase[:, top : top + height, left : left + width])
    return slices

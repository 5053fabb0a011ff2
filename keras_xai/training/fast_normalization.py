"""Batch normalisation in one kernel."""

import keras
import numpy as np
import tensorflow as tf


def normalize(
    layer: keras.layers.BatchNormalization,
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """Does what the layer's own `call` does.

    Keras casts to float32 and writes batch normalisation as a dozen operations on
    arrays of the inputs' size, which made up most of a ResNet's training step.

    Args:
        layer: a `BatchNormalization`.
        inputs: in the layer's dtype.
        training: whether to normalise by the batch, and to move the layer's statistics.
        mask: of the inputs.
    """
    is_map = len(inputs.shape) == 4 and layer.axis in (3, -1)
    is_plain = mask is None and not layer.renorm and not layer.synchronized
    has_kernel = (
        inputs.dtype in (tf.float32, tf.bfloat16) and layer.variable_dtype == "float32"
    )
    if not (training and layer.trainable and is_map and is_plain and has_kernel):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    num_channels = inputs.shape[3]
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=layer.gamma.value if layer.scale else np.ones(num_channels, np.float32),
        offset=layer.beta.value if layer.center else np.zeros(num_channels, np.float32),
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
        is_training=True,
    )
    num_values = tf.cast(tf.size(inputs) // num_channels, tf.float32)
    variance *= (num_values - 1) / num_values  # the kernel's is that of a sample
    for moving, batch in (
        (layer.moving_mean, mean),
        (layer.moving_variance, variance),
    ):
        moving.assign(moving * layer.momentum + batch * (1 - layer.momentum))
    return outputs

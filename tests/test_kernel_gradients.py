"""Kernels' gradients as matrix products, against the library's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_xai.training import kernel_gradients
from keras_xai.training.kernel_gradients import matrix_kernel_gradients

CONVOLUTION, TRANSPOSED = keras.layers.Conv2D, keras.layers.Conv2DTranspose


@pytest.fixture
def products(monkeypatch):
    """Shapes of the kernels whose gradients were products."""
    shapes, compute = [], kernel_gradients._kernel_gradient

    def count(large, small, shape, strides):
        shapes.append(tuple(shape))
        return compute(large, small, shape, strides)

    monkeypatch.setattr(kernel_gradients, "_kernel_gradient", count)
    return shapes


@pytest.mark.parametrize(
    ("layer", "size", "is_product"),
    [
        (CONVOLUTION(5, 3, padding="same", activation="relu"), (2, 2), True),
        (CONVOLUTION(5, 3, padding="same", strides=2), (4, 3), True),
        (CONVOLUTION(5, (1, 3), padding="same", use_bias=False), (1, 4), True),
        (CONVOLUTION(5, 3, padding="same"), (3, 2), False),
        (CONVOLUTION(5, 2, padding="valid"), (2, 2), False),
        (CONVOLUTION(6, 3, padding="same", groups=3), (2, 2), False),
        (CONVOLUTION(5, 3, padding="same", dilation_rate=2), (2, 2), False),
        (TRANSPOSED(5, 5, padding="same", strides=2, activation="relu"), (2, 2), True),
        (TRANSPOSED(5, (5, 3), padding="same", strides=(2, 1)), (1, 3), True),
        (TRANSPOSED(5, 3, padding="same", use_bias=False), (2, 1), True),
        (TRANSPOSED(5, 5, padding="same", strides=2), (3, 3), False),
        (TRANSPOSED(5, 5, padding="valid", strides=2), (2, 2), False),
        (keras.layers.DepthwiseConv2D(3, padding="same"), (2, 2), False),
    ],
)
def test_outputs_and_gradients_are_the_library_s(layer, size, is_product, products):
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=(4, *size, 3)).astype(np.float32))
    image = keras.Input((*size, 3))
    model = keras.Model(image, keras.Sequential([layer])(image))

    @tf.function
    def differentiate():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = model(inputs)
            loss = tf.reduce_sum(tf.sin(outputs))
        weights = [weight.value for weight in model.trainable_weights]
        return outputs, tape.gradient(loss, [inputs, *weights])

    expected = differentiate.python_function()
    assert not products
    with matrix_kernel_gradients(model):
        found = differentiate()

    assert len(products) == is_product
    for x, y in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
    assert "call" not in vars(layer)


def test_mixed_precision_and_any_batch(products):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = keras.Sequential(
            [
                keras.Input((2, 2, 8)),
                TRANSPOSED(8, 5, padding="same", strides=2),
                keras.layers.GlobalAveragePooling2D(dtype="float32"),
            ]
        )
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 2, 2, 8)), rng.random((5, 8))
    weights = model.get_weights()
    trained = []
    for context in (None, matrix_kernel_gradients):
        model.set_weights(weights)
        model.compile(keras.optimizers.SGD(1.0), "mse")
        if context is None:
            model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
            assert not products
        else:
            with context(model):
                model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
            assert products
        trained.append(model.get_weights())
    for plain, product, before in zip(*trained, weights, strict=True):
        assert np.abs(plain - before).max() > 0.01
        np.testing.assert_allclose(plain, product, atol=2e-3)


def test_the_layers_own_calls_come_back_after_an_error():
    layer = CONVOLUTION(5, 3, padding="same")
    model = keras.Sequential([keras.Input((2, 2, 3)), layer])
    with pytest.raises(RuntimeError), matrix_kernel_gradients(model):
        assert "call" in vars(layer)
        raise RuntimeError
    assert "call" not in vars(layer)

"""Layers that train faster, against the library's own."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_xai.training import small_maps
from keras_xai.training.fast_layers import fast_layers

CONVOLUTION, TRANSPOSED = keras.layers.Conv2D, keras.layers.Conv2DTranspose
MATRIX = {"make_matrices", "shrink", "grow", "differentiate_kernel"}
PRODUCT = {"differentiate_kernel"}
PHASES = {"grow_by_phases"}


@pytest.fixture
def used(monkeypatch):
    """Names of the functions of `small_maps` that were called."""
    names = set()

    def watch(name):
        function = getattr(small_maps, name)

        def call(*args, **options):
            names.add(name)
            return function(*args, **options)

        monkeypatch.setattr(small_maps, name, call)

    for name in MATRIX | PRODUCT | PHASES:
        watch(name)
    return names


@pytest.mark.parametrize(
    ("layer", "size", "expected_use"),
    [
        (CONVOLUTION(5, 3, padding="same", activation="relu"), (2, 2), MATRIX),
        (CONVOLUTION(5, 3, padding="same", strides=2), (4, 3), PRODUCT),
        (CONVOLUTION(5, 3, padding="same", strides=2), (3, 1), MATRIX),
        (CONVOLUTION(5, (2, 4), padding="same"), (2, 2), MATRIX),
        (CONVOLUTION(5, (1, 3), padding="same", use_bias=False), (1, 4), MATRIX),
        (CONVOLUTION(5, 3, padding="same"), (1, 1), MATRIX),
        (CONVOLUTION(5, 1, padding="same", strides=2), (4, 4), PRODUCT | PHASES),
        (CONVOLUTION(5, 1, padding="same", strides=3), (4, 4), PRODUCT),
        (CONVOLUTION(5, 3, padding="same"), (3, 2), PRODUCT),
        (CONVOLUTION(5, 4, padding="same", strides=2), (7, 8), PRODUCT),
        (CONVOLUTION(5, 3, padding="same", strides=(3, 2)), (11, 7), PRODUCT),
        (CONVOLUTION(5, 3, padding="same"), (4, 5), set()),
        (CONVOLUTION(5, 2, padding="valid"), (2, 2), set()),
        (CONVOLUTION(6, 3, padding="same", groups=3), (2, 2), set()),
        (CONVOLUTION(5, 3, padding="same", dilation_rate=2), (2, 2), set()),
        (TRANSPOSED(5, 5, padding="same", strides=2), (2, 2), MATRIX),
        (TRANSPOSED(5, (5, 3), padding="same", strides=(2, 1)), (1, 3), MATRIX),
        (TRANSPOSED(5, 3, padding="same", use_bias=False), (2, 1), MATRIX),
        (TRANSPOSED(5, 5, padding="same", strides=2), (4, 3), PRODUCT),
        (TRANSPOSED(5, 2, padding="same", strides=3), (3, 3), PRODUCT),
        (TRANSPOSED(3, 5, padding="same", strides=2), (3, 4), PRODUCT | PHASES),
        (TRANSPOSED(1, 5, padding="same", strides=2), (5, 6), PHASES),
        (TRANSPOSED(2, 4, padding="same", strides=2), (6, 4), PHASES),
        (TRANSPOSED(2, (3, 7), padding="same", strides=3), (6, 5), PHASES),
        (TRANSPOSED(2, 2, padding="same", strides=3), (6, 5), PHASES),
        (TRANSPOSED(2, 5, padding="same", strides=(2, 1)), (6, 5), set()),
        (TRANSPOSED(5, 5, padding="same", strides=2), (5, 5), set()),
        (TRANSPOSED(5, 5, padding="valid", strides=2), (2, 2), set()),
        (keras.layers.DepthwiseConv2D(3, padding="same"), (2, 2), set()),
    ],
)
def test_outputs_and_gradients_are_the_library_s(layer, size, expected_use, used):
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=(4, *size, 3)).astype(np.float32))
    image = keras.Input((*size, 3))
    model = keras.Model(image, keras.Sequential([layer])(image))
    if layer.use_bias:
        layer.bias.assign(rng.normal(size=layer.bias.shape))

    @tf.function
    def differentiate():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = model(inputs)
            loss = tf.reduce_sum(tf.sin(outputs))
        weights = [weight.value for weight in model.trainable_weights]
        return outputs, tape.gradient(loss, [inputs, *weights])

    expected = differentiate.python_function()
    assert not used
    with fast_layers(model):
        found = differentiate()

    assert used == expected_use
    for x, y in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
    assert "call" not in vars(layer)


def test_it_works_without_a_graph(used):
    layer = CONVOLUTION(5, 3, padding="same")
    inputs = np.random.default_rng(0).normal(size=(4, 2, 2, 3)).astype(np.float32)
    model = keras.Sequential([keras.Input((2, 2, 3)), layer])
    expected = model(inputs)
    with fast_layers(model):
        np.testing.assert_allclose(model(inputs), expected, rtol=1e-5, atol=1e-6)
    assert used


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (CONVOLUTION(8, 3, padding="same"), (2, 2)),
        (CONVOLUTION(8, 3, padding="same"), (4, 4)),
        (CONVOLUTION(8, 3, padding="same"), (16, 16)),
        (TRANSPOSED(8, 5, padding="same", strides=2), (2, 2)),
        (TRANSPOSED(8, 5, padding="same", strides=2), (16, 16)),
    ],
)
def test_a_bias_has_its_whole_gradient_in_bfloat16(layer, size):
    """TensorFlow sums it in bfloat16, where 256 + 1 = 256."""
    config = layer.get_config()
    config["dtype"] = "mixed_bfloat16"
    layer = type(layer).from_config(config)
    model = keras.Sequential([keras.Input((*size, 3)), layer])
    inputs = tf.zeros((512, *size, 3))

    @tf.function
    def differentiate():
        with tf.GradientTape() as tape:
            outputs = model(inputs)
            loss = tf.reduce_sum(tf.cast(outputs, "float32"))
        weights = [weight.value for weight in layer.trainable_weights]
        return tape.gradient(loss, weights), tf.size(outputs) // 8

    with fast_layers(model):
        (_, found), num_pixels = differentiate()
    np.testing.assert_allclose(found, np.full(8, num_pixels), rtol=0.01)


def test_contexts_may_share_a_layer():
    layer = CONVOLUTION(5, 3, padding="same")
    model = keras.Sequential([keras.Input((2, 2, 3)), layer])
    with fast_layers(model):
        with fast_layers(model):
            pass
        assert "call" in vars(layer)
    assert "call" not in vars(layer)


def test_mixed_precision_and_any_batch(used):
    """Held against the library in float32: in bfloat16 it loses biases' gradients."""
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 2, 2, 8)), rng.random((5, 8))
    trained = []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((2, 2, 8)),
                TRANSPOSED(8, 5, padding="same", strides=2, dtype=dtype),
                keras.layers.GlobalAveragePooling2D(dtype="float32"),
            ]
        )
        before = model.get_weights()
        model.compile(keras.optimizers.SGD(1.0), "mse")
        with fast_layers(*([] if dtype == "float32" else [model])):
            model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        assert bool(used) == (dtype != "float32")
        trained.append(model.get_weights())
    for library, fast, start in zip(*trained, before, strict=True):
        change = np.abs(library - start).max()
        assert np.abs(library - fast).max() < 0.1 * change


NORMALIZE = partial(keras.layers.BatchNormalization, momentum=0.5, epsilon=0.1)


@pytest.mark.parametrize(
    ("layer", "size", "is_fused"),
    [
        (NORMALIZE(), (3, 2), True),
        (NORMALIZE(axis=3, scale=False), (3, 2), True),
        (NORMALIZE(center=False), (1, 1), True),
        (NORMALIZE(axis=1), (3, 2), False),
        (NORMALIZE(renorm=True), (3, 2), False),
        (NORMALIZE(), (6,), False),
        (NORMALIZE(trainable=False), (3, 2), False),
        (NORMALIZE(dtype="bfloat16"), (3, 2), False),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_is_the_library_s(
    layer, size, is_fused, training, monkeypatch
):
    calls, kernel = [], tf.raw_ops.FusedBatchNormV3

    def watch(**options):
        calls.append(options)
        return kernel(**options)

    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", watch)
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(3, 2, size=(5, *size, 4)).astype(np.float32))
    model = keras.Sequential([keras.Input((*size, 4)), layer])
    start = [rng.uniform(0.5, 2, weight.shape) for weight in model.weights]

    def differentiate():
        model.set_weights(start)

        @tf.function
        def run():
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = model(inputs, training=training)
                loss = tf.reduce_sum(tf.sin(outputs))
            weights = [weight.value for weight in model.trainable_weights]
            return outputs, tape.gradient(loss, [inputs, *weights])

        return [run(), model.get_weights()]

    expected = differentiate()
    assert not calls
    with fast_layers(model):
        found = differentiate()

    assert len(calls) == (is_fused and training)
    for x, y in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        x, y = tf.cast(x, "float32"), tf.cast(y, "float32")
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def test_batch_normalization_in_mixed_precision():
    rng = np.random.default_rng(0)
    inputs = rng.normal(3, 2, size=(5, 3, 2, 4)).astype(np.float32)
    found = []
    for dtype in ("float32", "mixed_bfloat16"):
        layer = NORMALIZE(dtype=dtype)
        model = keras.Sequential([keras.Input(inputs.shape[1:]), layer])
        with fast_layers(model):
            outputs = model(inputs, training=True)
        assert outputs.dtype == ("bfloat16" if "mixed" in dtype else "float32")
        found.append([tf.cast(outputs, "float32"), *model.get_weights()])
    for x, y in zip(*found, strict=True):
        np.testing.assert_allclose(x, y, rtol=0.01, atol=0.01)


def test_a_mask_is_not_overlooked():
    layer = NORMALIZE()
    inputs = np.random.default_rng(0).normal(size=(5, 3, 2, 4))
    mask = np.arange(5 * 3 * 2).reshape(5, 3, 2) % 3 > 0
    model = keras.Sequential([keras.Input((3, 2, 4)), layer])
    with fast_layers(model):
        masked = layer(inputs, training=True, mask=mask)
    expected = layer(inputs, training=True, mask=mask)
    np.testing.assert_allclose(masked, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(masked - layer(inputs, training=True)).max() > 0.01


def test_the_layers_own_calls_come_back_after_an_error():
    layer = CONVOLUTION(5, 3, padding="same")
    model = keras.Sequential([keras.Input((2, 2, 3)), layer])
    with pytest.raises(RuntimeError), fast_layers(model):
        assert "call" in vars(layer)
        raise RuntimeError
    assert "call" not in vars(layer)

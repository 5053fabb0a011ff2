import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_analyzers_child import FILENAMES, NUM_IMAGES, SHAPE
from test_analyzers_network import assorted

from keras_xai.analyzers.innvestigate import Failure, analyze
from keras_xai.analyzers.methods import (
    METHODS,
    AnalyzerSpec,
    describe_limits,
    select_methods,
)
from keras_xai.analyzers.network import extract_network
from keras_xai.errors import InputError

needs_innvestigate = pytest.mark.skipif(
    importlib.util.find_spec("innvestigate") is None,
    reason="iNNvestigate is not installed: `make setup-innvestigate`",
)


def bias_free_classifier():
    """ReLU everywhere; all raw logits are negative."""
    keras.utils.set_random_seed(0)
    conv = {"padding": "same", "activation": "relu", "use_bias": False}
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Rescaling(-1 / 255, offset=1),
            keras.layers.Conv2D(4, 3, name="conv1", **conv),
            keras.layers.Conv2D(6, 3, name="conv2", **conv),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax", use_bias=False, name="probs"),
        ]
    )
    probs = model.get_layer("probs")
    probs.kernel.assign(-keras.ops.abs(probs.kernel))
    return model


def centred_logits(model, x, relu=tf.nn.relu):
    """The network again, slowly, with a ReLU of one's choice."""
    for name in ("conv1", "conv2"):
        x = relu(tf.nn.conv2d(x, model.get_layer(name).kernel.value, 1, "SAME"))
    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    kernel = model.get_layer("probs").kernel.value
    logits = tf.reshape(x, (len(x), -1)) @ kernel
    return logits - tf.reduce_mean(logits, axis=-1, keepdims=True)


def gradients(model, images, classes, relu=tf.nn.relu):
    x = tf.constant(1 - images / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = tf.gather(centred_logits(model, x, relu), classes, batch_dims=1)
    return tape.gradient(logits, x).numpy()


@tf.custom_gradient
def guided_relu(x):
    return tf.nn.relu(x), lambda grad: tf.nn.relu(grad) * tf.cast(x > 0, grad.dtype)


@tf.custom_gradient
def deconvnet_relu(x):
    return tf.nn.relu(x), lambda grad: tf.nn.relu(grad)


class Case:
    """A classifier, its images, and what one child made of them."""

    def __init__(self, out_dir):
        self.model = bias_free_classifier()
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (NUM_IMAGES, *SHAPE), dtype=np.uint8)
        self.scaled = 1 - self.images / np.float32(255)
        self.probs = self.model.predict(self.images, verbose=0)
        self.classes = self.probs.argmax(axis=-1)
        self.classes[-1] = self.probs[-1].argsort()[-2]  # not the predicted one
        self.out_dir = out_dir
        self.done: list[int] = []
        self.results: dict[str, Path | Failure] = {}

    def analyze(self, methods, probs=None, **options):
        return analyze(
            extract_network(self.model),
            self.images,
            self.probs if probs is None else probs,
            methods,
            filenames=FILENAMES,
            input_range=(0, 255),
            out_dir=self.out_dir,
            classes=self.classes,
            batch_size=2,
            report=self.done.append,
            **options,
        )

    def heatmap(self, name):
        with np.load(self.out_dir / f"{name}.npz") as file:
            return file["heatmap"]


def smoothgrad(noise_scale):
    options = {"augment_by_n": 4, "noise_scale": noise_scale}
    return AnalyzerSpec("smoothgrad", lambda low, high: options, signed=False)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    keras.config.set_dtype_policy("float32")
    case = Case(tmp_path_factory.mktemp("heatmaps"))
    case.results = case.analyze(
        {
            **METHODS,
            "almost no noise": smoothgrad(1e-6),
            "noise": smoothgrad(0.3),
            "noise again": smoothgrad(0.3),
            "more noise": smoothgrad(3.0),
            "unknown": AnalyzerSpec("pattern.net"),
            "no rule": AnalyzerSpec("lrp"),
        }
    )
    return case


@needs_innvestigate
@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_every_image(case, name):
    assert case.results[name] == case.out_dir / f"{name}.npz"
    with np.load(case.results[name]) as file:
        assert file["heatmap"].shape == (NUM_IMAGES, *SHAPE[:2])
        assert file["heatmap"].dtype == np.float32
        assert np.ptp(file["heatmap"][:2], axis=(1, 2)).min() > 0
        assert METHODS[name].signed or file["heatmap"].min() >= 0
        assert file["seconds"].shape == (NUM_IMAGES,)
        assert file["seconds"].min() > 0
        assert file["filename"].tolist() == FILENAMES


@needs_innvestigate
@pytest.mark.parametrize(
    ("name", "relu"),
    [
        ("gradient", tf.nn.relu),
        ("guided_backprop", guided_relu),
        ("deconvnet", deconvnet_relu),
    ],
)
def test_gradients_are_those_of_the_centred_logit_of_the_class(case, name, relu):
    expected = np.abs(gradients(case.model, case.images, case.classes, relu))
    np.testing.assert_allclose(case.heatmap(name), expected.sum(axis=-1), atol=1e-5)


@needs_innvestigate
@pytest.mark.parametrize("name", ["input_t_gradient", "lrp.z"])
def test_without_biases_lrp_z_is_input_times_gradient(case, name):
    expected = case.scaled * gradients(case.model, case.images, case.classes)
    np.testing.assert_allclose(case.heatmap(name), expected.sum(axis=-1), atol=1e-5)


@needs_innvestigate
@pytest.mark.parametrize(
    ("name", "tolerance"), [("lrp.z", 1e-5), ("integrated_gradients", 1e-2)]
)
def test_relevance_sums_to_the_logit(case, name, tolerance):
    logits = centred_logits(case.model, tf.constant(case.scaled)).numpy()
    expected = np.take_along_axis(logits, case.classes[:, None], axis=1)[:, 0]
    total = case.heatmap(name).sum(axis=(1, 2))
    np.testing.assert_allclose(total, expected, atol=tolerance)


@needs_innvestigate
@pytest.mark.parametrize("name", ["deep_taylor", "deep_taylor.bounded"])
def test_deep_taylor_explains_negative_logits_too(case, name):
    logits = keras.Sequential(case.model.layers[:-1])(case.images)
    logits = logits @ case.model.layers[-1].kernel
    assert np.max(logits) < 0
    assert case.heatmap(name)[:2].sum(axis=(1, 2)).min() > 1e-3


@needs_innvestigate
def test_smoothgrad_takes_its_noise_scale(case):
    gradient = case.heatmap("gradient")
    np.testing.assert_allclose(case.heatmap("almost no noise"), gradient, atol=1e-5)
    distances = [
        np.abs(case.heatmap(name) - gradient).mean()
        for name in ("almost no noise", "noise", "more noise")
    ]
    assert distances[0] < 0.1 * distances[1] < 0.1 * distances[2]


@needs_innvestigate
def test_noise_is_the_same_each_time(case):
    np.testing.assert_array_equal(case.heatmap("noise"), case.heatmap("noise again"))


@needs_innvestigate
def test_method_that_fails_says_why_and_stops_no_other(case):
    assert case.results["unknown"] == Failure("KeyError: 'pattern.net'")
    assert case.results["no rule"] == Failure("ValueError: Need LRP rule(s).")
    assert case.done == sorted(case.done)
    assert case.done[-1] == NUM_IMAGES * len(case.results)


@needs_innvestigate
def test_sigmoid_layers_are_explained_as_in_the_papers_version(tmp_path):
    case = Case(tmp_path)
    *features, dense = case.model.layers
    hidden = keras.layers.Dense(4, activation="sigmoid")
    case.model = keras.Sequential(
        [keras.Input(SHAPE), *features, hidden, keras.layers.Dense(3, "softmax")]
    )
    case.probs = case.model.predict(case.images, verbose=0)
    results = case.analyze(METHODS)
    assert [name for name in METHODS if isinstance(results[name], Failure)] == []


def activations_classifier():
    """A layer of each activation that is one, and no bias."""
    keras.utils.set_random_seed(0)
    activations = [
        keras.layers.LeakyReLU(0.2),
        keras.layers.PReLU("random_normal", shared_axes=[1, 2]),
        keras.layers.ELU(0.7),
        keras.layers.ReLU(max_value=0.1),
    ]
    layers = [keras.Input(SHAPE), keras.layers.Rescaling(1 / 255)]
    for activation in activations:
        conv = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)
        layers += [conv, activation]
    dense = keras.layers.Dense(3, activation="softmax", use_bias=False)
    return keras.Sequential([*layers, keras.layers.Flatten(), dense])


@needs_innvestigate
def test_relevance_passes_every_activation(tmp_path):
    """iNNvestigate takes the slope's share of it, but in an Activation layer."""
    case = Case(tmp_path)
    case.model = activations_classifier()
    case.probs = case.model.predict(case.images, verbose=0)
    methods = select_methods(["gradient", "lrp.z", "guided_backprop"])
    results = case.analyze(methods)
    assert not any(isinstance(result, Failure) for result in results.values())
    x = tf.constant(case.images / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(x)
        features = keras.Sequential(case.model.layers[1:-1])(x)
        logits = features @ case.model.layers[-1].kernel.value
        logits -= tf.reduce_mean(logits, axis=-1, keepdims=True)
        logits = tf.gather(logits, case.classes, batch_dims=1)
    expected = np.abs(tape.gradient(logits, x)).sum(axis=-1)
    np.testing.assert_allclose(case.heatmap("gradient"), expected, atol=1e-6)
    total = case.heatmap("lrp.z").sum(axis=(1, 2))
    np.testing.assert_allclose(total, logits, rtol=1e-3)


@needs_innvestigate
def test_guided_backprop_takes_a_relu_with_a_ceiling_for_one(tmp_path):
    @tf.custom_gradient
    def guided(x):
        y = tf.clip_by_value(x, 0, 0.1)
        passes = tf.cast((x > 0) & (x < 0.1), x.dtype)
        return y, lambda grad: tf.nn.relu(grad) * passes

    case = Case(tmp_path)
    keras.utils.set_random_seed(0)
    start = [keras.Input(SHAPE), keras.layers.Rescaling(1 / 255)]
    conv = keras.layers.Conv2D(4, 3, padding="same")
    flat, dense = keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")
    ceiling = keras.layers.ReLU(max_value=0.1)
    case.model = keras.Sequential([*start, conv, ceiling, flat, dense])
    case.probs = case.model.predict(case.images, verbose=0)
    case.analyze(select_methods(["guided_backprop"]))
    x = tf.constant(case.images / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = flat(guided(conv(x))) @ dense.kernel.value
        logits -= tf.reduce_mean(logits, axis=-1, keepdims=True)
        logits = tf.gather(logits, case.classes, batch_dims=1)
    expected = np.abs(tape.gradient(logits, x)).sum(axis=-1)
    np.testing.assert_allclose(case.heatmap("guided_backprop"), expected, atol=1e-6)


@needs_innvestigate
def test_every_known_layer_is_rebuilt(tmp_path):
    """With the given probabilities, or the child would refuse."""
    case = Case(tmp_path)
    case.model = assorted()
    case.images = np.random.default_rng(0).random((NUM_IMAGES, 8, 8, 3), np.float32)
    case.probs = case.model.predict(case.images, verbose=0)
    case.classes = case.probs.argmax(axis=-1)
    results = case.analyze(select_methods(["guided_backprop", "lrp.z", "deep_taylor"]))
    assert {k: v.reason for k, v in results.items() if isinstance(v, Failure)} == {
        "deep_taylor": "NotImplementedError: Layer PReLU not supported."
    }  # it is for ReLU


def test_rules_for_relu_are_no_rules_for_others():
    network = extract_network(activations_classifier())
    assert network.activations == ["ELU", "LeakyReLU", "PReLU", "relu"]
    assert describe_limits(METHODS, network.activations) == dict.fromkeys(
        ["deconvnet", "guided_backprop"],
        "Its rule is one for ReLU; through ELU, LeakyReLU, PReLU it is the gradient.",
    )
    plain = extract_network(bias_free_classifier()).activations
    assert plain == ["relu"] and describe_limits(METHODS, plain) == {}


@needs_innvestigate
def test_other_probabilities_are_refused(case, tmp_path):
    other = Case(tmp_path)
    results = other.analyze(
        select_methods(["gradient", "lrp.z"]), probs=other.probs + [[2e-4, 0, 0]]
    )
    assert results["gradient"] == results["lrp.z"]
    assert "differ by 0.0002" in results["gradient"].reason
    assert list(tmp_path.iterdir()) == []


def test_ten_methods_are_the_papers():
    assert [name for name, spec in METHODS.items() if spec.in_paper] == [
        "gradient",
        "smoothgrad",
        "input_t_gradient",
        "integrated_gradients",
        "deconvnet",
        "guided_backprop",
        "deep_taylor.bounded",
        "lrp.z",
        "lrp.epsilon",
        "lrp.sequential_preset_a_flat",
    ]


def test_names_of_methods():
    assert select_methods(["lrp.flat", "gradient"]) == {
        "lrp.flat": AnalyzerSpec("lrp.flat"),
        "gradient": METHODS["gradient"],
    }
    with pytest.raises(InputError, match="Unknown method 'lime'.*gradient, .*random"):
        select_methods(["gradient", "lime"])

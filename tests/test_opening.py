"""A user's model, opened as a classifier of images in [0, 1]."""

import inspect
import warnings

import keras
import numpy as np
import pytest

from keras_xai.analyzers.network import build_float32, build_untrained_float32
from keras_xai.datasets.split import Split
from keras_xai.decoding import open_classifier
from keras_xai.errors import InputError, InputWarning
from keras_xai.models.cloning import AUGMENTATION, clone_unfrozen

pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture
def split(rng):
    images = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    return Split(images, np.zeros(4, np.int32), None, ("",) * 4, ("a", "b"))


def build(*layers, head="softmax"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *layers,
            keras.layers.Conv2D(2, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation=head),
        ]
    )


def test_augmentation_is_taken_out(split):
    """Also from a model inside; in training the features are those of the image."""
    inside = keras.Sequential(
        [keras.layers.RandomFlip(), keras.layers.RandomRotation(0.5)]
    )
    model = build(inside, keras.layers.RandomContrast(0.5))
    classifier = open_classifier(model, split)
    images = split.images.astype(np.float32) / 255
    expected = model(images, training=False)
    np.testing.assert_allclose(classifier(images, training=True), expected, rtol=1e-5)
    assert np.abs(model(images, training=True) - expected).max() > 1e-3


@pytest.mark.parametrize("kind", AUGMENTATION)
def test_augmentation_does_nothing_at_inference(kind, rng):
    """So a model without it gives the same probabilities."""
    required = inspect.signature(kind).parameters
    values = {"height": 6, "width": 6, "factor": 0.5, "height_factor": 0.5}
    values["width_factor"] = 0.5
    if kind is keras.layers.RandomPosterization:
        values["factor"] = 4
    arguments = {
        name: values[name]
        for name, parameter in required.items()
        if parameter.default is parameter.empty and name in values
    }
    images = rng.random((2, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(kind(**arguments)(images, training=False), images)


def build_normalized(images, *layers):
    normalization = keras.layers.Normalization(name="normalization")
    normalization.adapt(images)
    return build(keras.layers.RandomFlip(), normalization, *layers)


def test_what_was_adapted_stays(split):
    """Normalization computes with constants, which setting weights does not touch."""
    images = split.images.astype(np.float32) / 255
    model = build_normalized(20 * images)
    expected = model(images, training=False)
    classifier = open_classifier(model, split)
    np.testing.assert_allclose(classifier(images), expected, rtol=1e-5)
    copy = build_float32(model)
    np.testing.assert_allclose(copy(images, training=False), expected, rtol=1e-5)


def test_fresh_weights_keep_what_was_adapted(split, tmp_path):
    """RefAE, the leak predictor and a random classifier see the same input."""
    images = split.images.astype(np.float32) / 255
    model = build_normalized(20 * images)
    model.trainable = False
    fresh = clone_unfrozen(model)
    assert len(fresh.trainable_weights) == 4
    for copy in (fresh, build_untrained_float32(model)):
        np.testing.assert_allclose(
            normalize(copy, images), normalize(model, images), rtol=1e-5
        )
    fresh.save(tmp_path / "fresh.keras")
    again = keras.models.load_model(tmp_path / "fresh.keras")
    np.testing.assert_allclose(
        again(images, training=False), fresh(images, training=False), rtol=1e-5
    )


def normalize(model, images):
    """Runs a model from `build_normalized` as far as its normalization."""
    part = keras.Model(model.inputs, model.get_layer("normalization").output)
    return part(images, training=False)


def test_a_model_without_augmentation_keeps_its_layers(split):
    model = build()
    classifier = open_classifier(model, split)
    assert any(
        weight is own
        for weight in classifier.trainable_variables
        for own in model.trainable_variables
    )


@pytest.mark.parametrize(
    ("scale", "input_range", "warns"),
    [(1 / 255, (0, 1), True), (1 / 255, (0, 255), False), (2.0, (0, 1), False)],
)
def test_a_model_that_wants_bytes_is_warned_of(scale, input_range, warns, split):
    model = build(keras.layers.Rescaling(scale))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_classifier(model, split, input_range=input_range)
    messages = [str(w.message) for w in caught if w.category is InputWarning]
    assert any("--input-range 0 255" in message for message in messages) == warns


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_probabilities_are_no_logits(head, split):
    with pytest.raises(InputError, match="expected logits, or no --logits"):
        open_classifier(build(head=head), split, from_logits=True)


def test_logits_are_asked_for_where_they_may_be(split):
    with pytest.raises(InputError, match="sum to 1, or --logits"):
        open_classifier(build(head=lambda x: 9 * x - 20), split)
    with pytest.raises(InputError, match=r"sum to 1\. Received"):
        open_classifier(build(head="sigmoid"), split)

"""A user's model, opened as a classifier of images in [0, 1]."""

import warnings

import keras
import numpy as np
import pytest

from keras_xai.datasets.split import Split
from keras_xai.decoding import open_classifier
from keras_xai.errors import InputError, InputWarning

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

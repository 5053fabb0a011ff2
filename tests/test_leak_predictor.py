import keras
import numpy as np
import pytest

from keras_xai.datasets.split import Split
from keras_xai.training.leak_predictor import train_leak_predictor

SIZE = 8


@pytest.fixture
def classifier(float32):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax", kernel_initializer="zeros"),
        ]
    )


@pytest.fixture
def split(rng):
    """Bright images of class 1, dark ones of class 0."""
    labels = np.arange(40) % 2
    images = (
        rng.integers(0, 100, (40, SIZE, SIZE, 1)) + 150 * labels[:, None, None, None]
    )
    return Split(
        images.astype(np.uint8), labels.astype(np.int32), None, ("",) * 40, ("0", "1")
    )


def train(classifier, split, **options):
    values = {"fill_value": 0.0, "num_steps": 3, "batch_size": 8}
    return train_leak_predictor(classifier, split, **(values | options))


def test_the_classifier_stays_as_it_is(classifier, split):
    before = [weight.copy() for weight in classifier.get_weights()]
    trained = train(classifier, split)
    for weight, old in zip(classifier.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert (trained.get_weights()[0] != before[0]).any()


def test_layers_that_the_user_froze_learn_too(classifier, split):
    classifier.layers[-1].trainable = False
    frozen = keras.Sequential([classifier])
    for model in (classifier, frozen):
        before = [weight.copy() for weight in model.get_weights()]
        trained = train(model, split).get_weights()
        assert all((a != b).any() for a, b in zip(trained, before, strict=True))
        assert not classifier.layers[-1].trainable


def test_same_seed_same_predictor(classifier, split):
    first, again, other = (
        train(classifier, split, seed=seed).get_weights()[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_it_learns_what_is_visible_and_nothing_from_the_fill(classifier, split):
    trained = train(classifier, split, num_steps=40)
    bright = np.full((1, SIZE, SIZE, 1), 0.9, np.float32)
    half = bright.copy()
    half[:, SIZE // 2 :] = 0.0
    nothing = np.zeros_like(bright)
    probs = [trained.predict_on_batch(x)[0, 1] for x in (bright, half, nothing)]
    assert probs[0] > probs[1] > probs[2]
    # Images that the fill hides whole teach the bias alone, and 1e-4 a step at most.
    assert abs(probs[2] - 0.5) < 0.01

import keras
import numpy as np
import pytest

from keras_xai import losses
from keras_xai.evaluation.reconstruction import (
    agreement,
    cosine,
    cross_entropy,
    squared_error,
)
from keras_xai.evaluation.structural_similarity import ssim


@pytest.fixture
def pair(rng):
    images = rng.random((2, 13, 12, 2))
    return images, np.clip(images + rng.normal(scale=0.2, size=images.shape), 0, 1)


def slow_squared_error(x, y):
    total = 0.0
    for index in np.ndindex(x.shape):
        total += (x[index] - y[index]) ** 2
    return total


def slow_ssim(x, y):
    """Wang et al. 2004, Eq. 14-16 and 13, window by window, for one channel."""
    offsets = range(-5, 6)
    weights = np.array(
        [[np.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in offsets] for i in offsets]
    )
    weights /= weights.sum()
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a = x[top : top + 11, left : left + 11]
            b = y[top : top + 11, left : left + 11]
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a = (weights * (a - mean_a) ** 2).sum()
            var_b = (weights * (b - mean_b) ** 2).sum()
            cov = (weights * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + 0.01**2)
                * (2 * cov + 0.03**2)
                / (mean_a**2 + mean_b**2 + 0.01**2)
                / (var_a + var_b + 0.03**2)
            )
    return np.mean(values)


def test_squared_error_is_the_slow_sum_here_and_in_the_loss(pair):
    slow = [slow_squared_error(x, y) for x, y in zip(*pair, strict=True)]
    np.testing.assert_allclose(squared_error(*pair), slow)
    np.testing.assert_allclose(losses.squared_error(*pair), slow, rtol=1e-5)


def test_squared_error_is_not_keras_mean():
    black, white = np.zeros((1, 32, 32, 1)), np.ones((1, 32, 32, 1))
    assert squared_error(black, white) == 1024
    assert float(keras.losses.MeanSquaredError()(black, white)) == 1


def test_ssim_is_the_slow_mean_over_windows(pair):
    slow = [
        np.mean([slow_ssim(x[..., c], y[..., c]) for c in range(2)])
        for x, y in zip(*pair, strict=True)
    ]
    np.testing.assert_allclose(ssim(*pair), slow)


def test_ssim_of_an_image_with_itself_and_of_two_constants():
    grey = np.full((1, 5, 5, 1), 0.5)
    assert ssim(grey, grey) == pytest.approx(1)
    white = np.ones((1, 16, 16, 1))
    expected = 0.01**2 / (1 + 0.01**2)  # luminance alone: structure is 1
    assert ssim(0 * white, white) == pytest.approx(expected)


def test_cosine_in_closed_form():
    a = np.array([[[1.0, 0.0]], [[1.0, 1.0]], [[2.0, 0.0]], [[0.0, 0.0]]])
    b = np.array([[[0.0, 3.0]], [[1.0, 0.0]], [[-1.0, 0.0]], [[1.0, 0.0]]])
    np.testing.assert_allclose(cosine(a, b), [0, np.sqrt(0.5), -1, 0])


def test_agreement_and_cross_entropy():
    probs = np.array([[0.7, 0.3], [0.4, 0.6]])
    other = np.array([[0.6, 0.4], [0.9, 0.1]])
    assert agreement(probs, other).tolist() == [True, False]
    labels = np.array([0, 0])
    np.testing.assert_allclose(cross_entropy(labels, probs), -np.log([0.7, 0.4]))
    certain = np.array([[0.0, 1.0]])
    assert cross_entropy(labels[:1], certain) == pytest.approx(-np.log(1e-7))

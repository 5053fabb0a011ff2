from functools import partial

import numpy as np
import pytest

from keras_xai.evaluation.baselines import (
    background_distance,
    centre_gaussian,
    otsu,
    random_heatmaps,
    sobel_edges,
)

BASELINES = {
    "random": partial(random_heatmaps, rng=np.random.default_rng(0)),
    "centre": centre_gaussian,
    "sobel": sobel_edges,
    "otsu": otsu,
    "background": background_distance,
}


@pytest.fixture
def square():
    """A grey square on a lighter background, in the upper left."""
    image = np.full((1, 20, 30, 3), 0.8, np.float32)
    image[0, 4:10, 5:12] = 0.2
    return image


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)
@pytest.mark.parametrize("channels", [1, 3])
def test_heatmaps_are_float32_between_0_and_1(baseline, channels, rng):
    images = rng.random((4, 12, 9, channels)).astype(np.float32)
    heatmaps = baseline(images)
    assert heatmaps.shape == (4, 12, 9)
    assert heatmaps.dtype == np.float32
    assert 0 <= heatmaps.min() <= heatmaps.max() <= 1


@pytest.mark.parametrize("baseline", [sobel_edges, otsu, background_distance])
@pytest.mark.parametrize("level", [0, 0.3, 1])
def test_constant_image_gives_nothing(baseline, level):
    assert not baseline(np.full((2, 8, 8, 3), level, np.float32)).any()


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("baseline", [otsu, background_distance])
def test_object_is_found_dark_or_light(square, baseline, invert):
    expected = np.zeros((1, 20, 30))
    expected[0, 4:10, 5:12] = 1
    np.testing.assert_array_equal(baseline(1 - square if invert else square), expected)


def test_background_distance_is_scaled_to_the_farthest_level():
    image = np.zeros((1, 4, 4, 1), np.float32)
    image[0, 0, 0] = 200 / 255
    image[0, 1, 1] = 50 / 255
    heatmap = background_distance(image)[0]
    assert heatmap[0, 0] == 1
    assert heatmap[1, 1] == 0.25
    assert heatmap.sum() == 1.25


def test_sobel_edges_are_the_slow_convolution(rng):
    image = rng.random((1, 7, 8, 3))
    grey = np.pad(image[0].mean(axis=-1), 1, mode="reflect")
    weights = np.outer([1, 2, 1], [-1, 0, 1])
    expected = np.array(
        [
            [
                np.hypot(
                    (grey[y : y + 3, x : x + 3] * weights).sum(),
                    (grey[y : y + 3, x : x + 3] * weights.T).sum(),
                )
                for x in range(8)
            ]
            for y in range(7)
        ]
    )
    np.testing.assert_allclose(
        sobel_edges(image)[0], expected / expected.max(), atol=1e-6
    )


def test_otsu_separates_best_of_all_thresholds(rng):
    levels = np.concatenate(
        [rng.integers(20, 90, 300), rng.integers(70, 220, 100)]
    ).reshape(20, 20)
    heatmap = otsu((levels / 255)[None, ..., None])[0].astype(bool)

    def between_variance(split):
        low, high = levels[split], levels[~split]
        return low.size * high.size * (low.mean() - high.mean()) ** 2

    best = max(between_variance(levels <= t) for t in range(20, levels.max()))
    assert between_variance(heatmap) == pytest.approx(best)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (8, 12)])
def test_centre_gaussian_peaks_in_the_centre_and_is_symmetric(height, width):
    heatmap = centre_gaussian(np.zeros((2, height, width, 3)))[1]
    assert heatmap[height // 2, width // 2] == heatmap.max() == 1
    np.testing.assert_array_equal(heatmap, heatmap[::-1, ::-1])
    assert (np.diff(heatmap[:, : width // 2 + width % 2], axis=1) > 0).all()


def test_random_heatmaps_depend_on_the_seed_and_not_on_batches():
    images = np.zeros((5, 3, 3, 1))
    whole = random_heatmaps(images, np.random.default_rng(1))
    rng = np.random.default_rng(1)
    batches = [random_heatmaps(images[:2], rng), random_heatmaps(images[2:], rng)]
    np.testing.assert_array_equal(whole, np.concatenate(batches))
    assert not np.array_equal(whole, random_heatmaps(images, np.random.default_rng(2)))

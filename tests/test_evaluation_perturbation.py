from functools import partial
from math import ceil

import numpy as np
import pytest

from keras_xai.evaluation.fills import fill_image
from keras_xai.evaluation.perturbation import (
    abpc,
    aopc,
    area_under_curve,
    deletion_curves,
    insertion_curves,
    perturbation_curves,
)

FILLS = ("black", "white", "grey", "blur", "uniform")
CURVES = (perturbation_curves, deletion_curves, insertion_curves)


def predict_brightness(images):
    """Class 1 is as probable as the image is bright: linear in every pixel."""
    brightness = images.mean(axis=(1, 2, 3))
    return np.stack([1 - brightness, brightness], axis=1)


class Recorder:
    """A predictor that counts its calls and keeps what it saw."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(images)
        return predict_brightness(images)


@pytest.fixture
def inputs(rng):
    """Three images, labels and heatmaps without ties; patches of 4 are cut."""
    images = rng.random((3, 10, 13, 2)).astype(np.float32)
    return images, np.array([1, 0, 1]), rng.normal(size=(3, 10, 13))


def _slow_curve(image, label, heatmap, patch_size, order, fill_level):
    height, width = heatmap.shape
    patches = []
    for top in range(0, height, patch_size):
        for left in range(0, width, patch_size):
            box = np.s_[top : top + patch_size, left : left + patch_size]
            patches.append((heatmap[box].mean(), box))
    patches.sort(key=lambda patch: patch[0], reverse=order == "morf")
    image = image.copy()
    curve = [predict_brightness(image[None])[0, label]]
    for _, box in patches:
        image[box] = fill_level
        curve.append(predict_brightness(image[None])[0, label])
    return curve


@pytest.mark.parametrize("patch_size", [1, 4, 8, 32])
@pytest.mark.parametrize("order", ["morf", "lerf"])
@pytest.mark.parametrize(("fill", "level"), [("black", 0), ("white", 1), ("grey", 0.5)])
def test_curves_equal_their_slow_restatement(inputs, patch_size, order, fill, level):
    curves = perturbation_curves(
        predict_brightness,
        *inputs,
        order=order,
        patch_size=patch_size,
        fill=fill,
        num_steps=1000,
    )
    for curve, image, label, heatmap in zip(curves, *inputs, strict=True):
        expected = _slow_curve(image, label, heatmap, patch_size, order, level)
        np.testing.assert_allclose(curve, expected, atol=1e-6)


def test_curve_by_hand():
    """Four patches of brightness 1, .5, .25, .25 in a relevance order of their own."""
    image = np.zeros((1, 4, 4, 1))
    image[0, :2, :2], image[0, :2, 2:], image[0, 2:] = 1, 0.5, 0.25
    heatmap = np.zeros((1, 4, 4))
    heatmap[0, :2, :2], heatmap[0, :2, 2:] = 2, 3
    heatmap[0, 2:, :2], heatmap[0, 2:, 2:] = -1, 1
    follow = partial(
        perturbation_curves,
        predict_brightness,
        image,
        np.array([1]),
        heatmap,
        patch_size=2,
        fill="black",
    )
    morf, lerf = follow(order="morf"), follow(order="lerf")
    np.testing.assert_allclose(morf, [[0.5, 0.375, 0.125, 0.0625, 0]])
    np.testing.assert_allclose(lerf, [[0.5, 0.4375, 0.375, 0.125, 0]])
    np.testing.assert_allclose(follow(num_steps=2), morf[:, :3])
    assert aopc(morf) == pytest.approx((0 + 0.125 + 0.375 + 0.4375 + 0.5) / 5)
    assert abpc(morf, lerf) == pytest.approx((0.0625 + 0.25 + 0.0625) / 5)
    assert abpc(morf, lerf) == pytest.approx(aopc(morf) - aopc(lerf))
    assert area_under_curve(morf) == pytest.approx(
        (0.25 + 0.375 + 0.125 + 0.0625 + 0) / 4
    )


def test_deletion_and_insertion_equal_their_slow_restatement(inputs):
    num_steps, num_pixels = 7, 130
    deleted = deletion_curves(predict_brightness, *inputs, num_steps=num_steps)
    inserted = insertion_curves(
        predict_brightness, *inputs, num_steps=num_steps, fill="white"
    )
    assert deleted.shape == inserted.shape == (3, num_steps + 1)
    for i, (image, label, heatmap) in enumerate(zip(*inputs, strict=True)):
        order = np.argsort(-heatmap.ravel())
        for step in range(num_steps + 1):
            chosen = order[: step * num_pixels // num_steps]
            without, only = image.copy(), np.ones_like(image)
            without.reshape(-1, 2)[chosen] = 0
            only.reshape(-1, 2)[chosen] = image.reshape(-1, 2)[chosen]
            expected = predict_brightness(np.stack([without, only]))[:, label]
            received = [deleted[i, step], inserted[i, step]]
            np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_insertion_is_the_deletion_of_the_negative_backwards(inputs, fill):
    images, labels, heatmaps = inputs
    for_steps = {"fill": fill, "num_steps": 13}
    inserted = insertion_curves(predict_brightness, *inputs, **for_steps)
    deleted = deletion_curves(
        predict_brightness, images, labels, -heatmaps, **for_steps
    )
    np.testing.assert_allclose(inserted, deleted[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_morf_and_lerf_meet_at_both_ends(inputs, fill):
    morf = perturbation_curves(predict_brightness, *inputs, fill=fill)
    lerf = perturbation_curves(predict_brightness, *inputs, fill=fill, order="lerf")
    np.testing.assert_allclose(morf[:, [0, -1]], lerf[:, [0, -1]], atol=1e-6)


@pytest.mark.parametrize("curves", CURVES)
def test_positive_scale_and_shift_of_the_heatmap_do_not_count(inputs, curves):
    images, labels, heatmaps = inputs
    expected = curves(predict_brightness, *inputs)
    received = curves(predict_brightness, images, labels, 3 * heatmaps + 5)
    np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
@pytest.mark.parametrize(
    ("curves", "num_points"),
    [
        (partial(perturbation_curves, patch_size=4), 13),
        (partial(perturbation_curves, patch_size=4, num_steps=5), 6),
        (partial(deletion_curves, num_steps=10), 11),
        (partial(insertion_curves, num_steps=1000), 131),
    ],
)
def test_calls_are_as_few_as_batches_allow(inputs, curves, num_points, batch_size):
    recorder = Recorder()
    values = curves(recorder, *inputs, batch_size=batch_size)
    assert values.shape == (3, num_points)
    sizes = [len(batch) for batch in recorder.batches]
    assert sum(sizes) == 3 * num_points
    assert len(sizes) == ceil(3 * num_points / batch_size)
    assert set(sizes[:-1]) <= {batch_size}
    assert all(batch.dtype == np.float32 for batch in recorder.batches)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("curves", CURVES)
def test_values_do_not_depend_on_the_batch_size(inputs, curves, fill):
    small = curves(predict_brightness, *inputs, fill=fill, batch_size=5)
    large = curves(predict_brightness, *inputs, fill=fill, batch_size=100)
    np.testing.assert_allclose(small, large, atol=1e-6)


def test_images_are_drawn_only_when_their_batch_is_due(inputs):
    """The first batch is predicted before the last image is looked at."""
    images, labels, heatmaps = inputs

    class Lazy(np.ndarray):
        seen: list[int] = []

        def __iter__(self):
            for index in range(len(self)):
                self.seen.append(index)
                yield np.asarray(self[index])

    seen_at_call = []

    def predict(batch):
        seen_at_call.append(list(Lazy.seen))
        return predict_brightness(batch)

    perturbation_curves(predict, images.view(Lazy), labels, heatmaps, batch_size=2)
    assert seen_at_call[0] == [0]
    assert seen_at_call[-1] == [0, 1, 2]


def test_ties_come_in_a_seeded_order_that_lerf_reverses(rng):
    images = rng.random((2, 8, 8, 1)).astype(np.float32)
    images[1] = images[0]
    arguments = (images, np.array([1, 1]), np.zeros((2, 8, 8)))
    follow = partial(
        perturbation_curves, predict_brightness, *arguments, patch_size=2, fill="black"
    )
    np.testing.assert_array_equal(follow(seed=3), follow(seed=3))
    assert not np.allclose(follow(seed=3), follow(seed=4))
    first, second = follow(seed=3)
    assert not np.allclose(first, second)
    drops = np.diff(follow(seed=3), axis=1)
    reversed_drops = np.diff(follow(seed=3, order="lerf"), axis=1)
    np.testing.assert_allclose(drops, reversed_drops[:, ::-1], atol=1e-6)


def test_constant_heatmap_does_not_prefer_cut_patches():
    recorder = Recorder()
    images = np.ones((40, 5, 5, 1), np.float32)
    heatmaps = np.full((40, 5, 5), 0.1, np.float32)
    perturbation_curves(
        recorder, images, np.ones(40, int), heatmaps, patch_size=4, fill="black"
    )
    paths = np.concatenate(recorder.batches).reshape(40, 5, 5, 5)
    removed = (paths[:, 1] == 0).sum(axis=(1, 2))
    assert set(removed) == {1, 4, 16}


@pytest.mark.parametrize("channels", [1, 3])
def test_fills(rng, channels):
    image = rng.random((16, 12, channels)).astype(np.float32)
    for fill in FILLS:
        filled = fill_image(image, fill, np.random.default_rng(0))
        assert filled.shape == image.shape
        assert filled.dtype == image.dtype
        assert 0 <= filled.min() <= filled.max() <= 1
    for fill, level in {"black": 0, "white": 1, "grey": 0.5}.items():
        assert (fill_image(image, fill, rng) == level).all()


def test_uniform_noise_is_drawn_for_each_pixel_and_channel(rng):
    noise = fill_image(np.zeros((32, 32, 3)), "uniform", rng)
    assert np.unique(noise).size == noise.size
    assert noise.mean() == pytest.approx(0.5, abs=0.02)


def test_blur_is_the_slow_gaussian(rng):
    image = rng.random((9, 12, 1))
    offsets = np.arange(-5, 6)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 5**2))
    padded = np.pad(image[..., 0], 5, mode="reflect")
    expected = [
        [(padded[y : y + 11, x : x + 11] * kernel).sum() for x in range(12)]
        for y in range(9)
    ]
    np.testing.assert_allclose(
        fill_image(image, "blur", rng)[..., 0], expected / kernel.sum(), rtol=1e-6
    )


def test_uniform_noise_is_seeded_by_image(inputs):
    follow = partial(perturbation_curves, predict_brightness, *inputs, fill="uniform")
    np.testing.assert_array_equal(follow(seed=1), follow(seed=1))
    assert not np.allclose(follow(seed=1)[:, -1], follow(seed=2)[:, -1])


def test_flat_curve_has_no_area_over_it():
    curves = np.full((2, 5), 0.7)
    np.testing.assert_array_equal(aopc(curves), 0)
    np.testing.assert_array_equal(abpc(curves, curves), 0)
    np.testing.assert_allclose(area_under_curve(curves), 0.7)


def test_straight_fall_has_half_the_area():
    np.testing.assert_allclose(area_under_curve(np.linspace(1, 0, 11)[None]), 0.5)


@pytest.mark.parametrize("curves", CURVES)
def test_bad_arrays_are_errors(inputs, curves):
    images, labels, heatmaps = inputs
    with pytest.raises(ValueError, match=r"`images`.*\(3, 10, 13\).*\(3, 9, 13, 2\)"):
        curves(predict_brightness, images[:, :9], labels, heatmaps)
    with pytest.raises(ValueError, match=r"`images`. Expected values in \[0, 1\]"):
        curves(predict_brightness, 255 * images, labels, heatmaps)
    with pytest.raises(ValueError, match=r"`labels`. Expected shape \(3,\)"):
        curves(predict_brightness, images, labels[:2], heatmaps)
    with pytest.raises(ValueError, match="`labels`. Expected class indices"):
        curves(predict_brightness, images, labels - 1, heatmaps)
    with pytest.raises(ValueError, match="`heatmaps`. Expected finite values"):
        curves(predict_brightness, images, labels, heatmaps * np.nan)


@pytest.mark.parametrize("curves", CURVES)
def test_bad_predictors_are_errors(inputs, curves):
    def short(images):
        return predict_brightness(images)[:-1]

    def sigmoid(images):
        return predict_brightness(images)[:, :1]

    with pytest.raises(ValueError, match=r"`short`. Expected 10 outputs.*\(9, 2\)"):
        curves(short, *inputs, batch_size=10)
    with pytest.raises(ValueError, match=r"`predict`.*label 1 among .*shape=\(1,\)"):
        curves(sigmoid, *inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "random"}, r"`order`. Expected one of \('morf', 'lerf'\)"),
        ({"fill": "pink"}, r"`fill`. Expected one of \('black'.*Received: fill='pink'"),
        ({"patch_size": 0}, "`patch_size`. Expected at least 1. .*patch_size=0"),
        ({"num_steps": 0}, "`num_steps`. Expected at least 1. .*num_steps=0"),
        ({"batch_size": 0}, "`batch_size`. Expected at least 1. .*batch_size=0"),
    ],
)
def test_bad_options_are_errors(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        perturbation_curves(predict_brightness, *inputs, **options)


def test_curves_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"`lerf_curves`.*\(2, 5\).*\(2, 4\)"):
        abpc(np.ones((2, 5)), np.ones((2, 4)))

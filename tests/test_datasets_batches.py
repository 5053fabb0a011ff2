"""Batches: drawn from a seed, images and masks turned together."""

import gc
import weakref

import numpy as np
import pytest

from keras_xai.datasets.batches import (
    draw_batches,
    draw_symmetries,
    training_batches,
    turn,
)


def test_every_pass_draws_every_image_once():
    draws = draw_batches(10, 4, 5, seed=(1, 2)).ravel()
    for start in (0, 10):
        assert sorted(draws[start : start + 10]) == list(range(10))
    assert not np.array_equal(draws[:10], draws[10:])
    np.testing.assert_array_equal(draws, draw_batches(10, 4, 5, seed=(1, 2)).ravel())


def test_batches_hold_the_drawn_images(splits):
    indices = np.array([[3, 1], [0, 2]])
    with training_batches(
        splits[0], indices, 0 * indices, mask_outputs=("mask",)
    ) as dataset:
        assert dataset.options().autotune.enabled is False
        batches = list(dataset)
    for (images, targets), wanted in zip(batches, indices, strict=True):
        np.testing.assert_array_equal(images, splits[0].images[wanted])
        np.testing.assert_array_equal(targets["probs"], splits[0].labels[wanted])
        expected = splits[0].object_maps[wanted] == 2
        np.testing.assert_array_equal(targets["mask"][..., 0], expected)
        for index, boxes in zip(wanted, targets["mask"][..., 1], strict=True):
            np.testing.assert_array_equal(boxes, splits[0].target_box_map(index))


def test_eight_symmetries_differ_and_keep_image_and_mask_together(splits):
    split = splits[0]
    indices = np.zeros((1, 8), np.int64)
    symmetries = np.arange(8)[None]
    with training_batches(
        split, indices, symmetries, mask_outputs=("mask",)
    ) as dataset:
        [(images, targets)] = dataset
    assert len({np.array(image).tobytes() for image in images}) == 8
    is_target = split.object_maps[0] == 2
    for k in range(8):
        np.testing.assert_array_equal(images[k], turn(split.images[0], k))
        np.testing.assert_array_equal(targets["mask"][k, ..., 0], turn(is_target, k))


def test_images_are_let_go_of_when_the_batches_end(splits):
    images = splits[0].images.copy()
    is_alive = weakref.ref(images)
    split = splits[0]._replace(images=images)
    indices = np.array([[3, 1], [0, 2]])
    with training_batches(split, indices, 0 * indices) as dataset:
        assert len(list(dataset)) == 2
    del images, split, dataset
    gc.collect()
    assert is_alive() is None


@pytest.mark.parametrize(
    "square, expected", [(True, set(range(8))), (False, {0, 2, 4, 6})]
)
def test_oblong_images_are_not_turned_by_90_degrees(square, expected):
    batches = np.zeros((50, 8), np.int64)
    assert set(draw_symmetries(batches, square=square, seed=(0,)).ravel()) == expected
    for symmetry in {0, 2, 4, 6}:
        assert turn(np.zeros((3, 5)), symmetry).shape == (3, 5)

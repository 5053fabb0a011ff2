"""The measures of the sweep on real images, on arrays."""

from functools import partial

import numpy as np
import pytest

from keras_xai.datasets.split import Split
from keras_xai.reproduction import real_cue_conflict, real_raccoon
from keras_xai.reproduction.real_figures import outline
from keras_xai.reproduction.real_predictions import baseline_masks


def test_pieces_are_connected_pixels_and_specks_are_none():
    mask = np.zeros((40, 50), bool)  # a thousandth of it is two pixels
    mask[0, 0] = True
    assert real_cue_conflict.count_pieces(mask) == 0
    mask[1, 1] = True  # over the corner
    assert real_cue_conflict.count_pieces(mask) == 1
    mask[20:30, 20:30] = True
    assert real_cue_conflict.count_pieces(mask) == 2
    assert real_cue_conflict.count_pieces(np.ones((40, 50), bool)) == 1


def test_masks_of_the_objects_themselves_are_perfect():
    objects = np.zeros((4, 10, 10), bool)
    for i, region in enumerate(objects):
        region[: i + 2, :5] = True
    found = real_cue_conflict.describe_masks(objects.astype(np.float32), objects)
    assert found["mass_on_object"] == found["pointing_game"] == 1
    assert found["num_pieces"] == 1
    assert found["coverage"] == found["above_threshold"] == found["object_share"]
    assert found["object_share"] == pytest.approx((10 + 15 + 20 + 25) / 400)
    white = real_cue_conflict.describe_masks(np.ones((4, 10, 10)), objects)
    assert white["mass_on_object"] == pytest.approx(white["object_share"])
    assert white["pointing_game"] == pytest.approx(white["object_share"])


def test_baseline_masks_know_nothing_of_the_image_or_of_the_model():
    masks = np.arange(5)[:, None, None] * np.ones((5, 16, 16))
    images = np.zeros((5, 16, 16, 3), np.uint8)
    images[:, :, 8:] = 255
    baselines = baseline_masks(masks, images)
    assert (baselines["swapped"] != masks).all()
    assert sorted(baselines["swapped"][:, 0, 0]) == [0, 1, 2, 3, 4]
    assert (baselines["edges"][0].max(axis=0).nonzero()[0] == [7, 8]).all()
    peaks = np.argwhere(baselines["centre"][0] == 1)
    assert peaks.tolist() == [[7, 7], [7, 8], [8, 7], [8, 8]]


def test_masks_are_held_against_boxes():
    boxes = np.zeros((2, 10, 10), bool)
    boxes[0, :5], boxes[1, 5:] = True, True
    masks = boxes * np.float32(0.5)
    found = real_raccoon.describe_masks(masks, boxes)
    assert found["coverage"] == 0.25 and found["box_share"] == 0.5
    assert found["pompom"] == found["pompom_above_threshold"] == 0
    assert found["pointing_game"] == found["mass_in_box"] == 1
    beside = real_raccoon.describe_masks(masks[::-1], boxes)
    assert beside["pompom"] == pytest.approx(1)
    assert beside["pompom_above_threshold"] == 0
    assert beside["pointing_game"] == beside["mass_in_box"] == 0


@pytest.mark.parametrize("cue", [real_raccoon.sharpness, real_raccoon.window_side])
def test_a_cue_alone_tells_sharp_from_flat_or_large_from_small(cue, rng):
    images = np.full((20, 16, 16, 3), 128, np.uint8)
    images[::2] = rng.integers(0, 256, (10, 16, 16, 3))
    labels = np.tile([1, 0], 10).astype(np.int32)
    names = tuple(
        f"raccoon-{i}_4_7_{90 + 20 * label}.jpg" for i, label in enumerate(labels)
    )
    split = Split(images, labels, None, names, ("no", "yes"))
    accuracy = partial(real_raccoon.threshold_accuracy, cue)
    assert accuracy(split, split) == 1
    turned = split._replace(labels=1 - labels)
    assert accuracy(turned, turned) == 1
    assert accuracy(split, turned) == 0


def test_edge_of_a_region_is_drawn_and_nothing_else():
    image = np.zeros((6, 7, 3), np.uint8)
    region = np.zeros((6, 7), np.uint8)
    region[0:4, 1:5] = 255  # to the image's edge
    yellow = (outline(image, region) == (255, 255, 0)).all(axis=-1)
    expected = np.zeros((6, 7), bool)
    expected[0:4, 1:5] = True
    expected[1:3, 2:4] = False
    assert np.array_equal(yellow, expected)

"""What a log row says of the validation images, whole or in parts."""

import keras
import numpy as np
import pytest

from keras_xai.datasets.split import DISTRACTOR, TARGET, Split
from keras_xai.evaluation.localization import pointing_game, relevance_mass
from keras_xai.training import validation
from keras_xai.training.validation import ValidationRegions, evaluate

SIZE, NUM_IMAGES = 12, 11


@pytest.fixture
def graph(float32):
    """Its mask is the first channel, its probability of class 1 the second's mean."""
    image = keras.Input((SIZE, SIZE, 3))
    mask = keras.layers.Rescaling(1 / 255)(image[..., :1])
    share = keras.layers.GlobalAveragePooling2D()(image[..., 1:2]) / 255
    probs = keras.layers.Concatenate()([1 - share, share])
    return keras.Model(image, {"probs": probs, "mask": mask})


@pytest.fixture
def split(rng):
    images = rng.integers(0, 256, (NUM_IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    labels = np.array([0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1])
    object_maps = np.zeros((NUM_IMAGES, SIZE, SIZE), np.uint8)
    for i in np.flatnonzero(labels):
        object_maps[i, i : i + 2, 3:5] = TARGET
    return Split(images, labels.astype(np.int32), object_maps, (), ("no", "yes"))


@pytest.mark.parametrize("num_images", [1, 5, 7, NUM_IMAGES])
def test_parts_give_the_numbers_of_the_whole(graph, split, num_images, monkeypatch):
    regions = ValidationRegions.from_split(split)
    monkeypatch.setattr(validation, "NUM_IMAGES", num_images)
    row = evaluate(graph, split, regions)
    masks = split.images[..., 0] / 255
    own = masks[split.labels == 1]
    answers = split.images[..., 1].mean(axis=(1, 2)) > 127.5
    expected = {
        "val_accuracy": (answers == split.labels).mean(),
        "majority_rate": 7 / 11,
        "val_coverage": masks.mean(),
        "val_pointing_game": pointing_game(own, regions.targets).mean(),
        "val_mass_on_target": relevance_mass(own, regions.targets).mean(),
        "target_share": regions.targets.mean(),
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-5), name
    assert "val_mass_on_distractors" not in row  # of which there are none


def test_mass_on_other_objects_leaves_out_what_is_near_the_target(graph, split):
    object_maps = split.object_maps.copy()
    object_maps[5, :, 9:] = DISTRACTOR
    split = split._replace(object_maps=object_maps)
    regions = ValidationRegions.from_split(split)
    row = evaluate(graph, split, regions)
    own = split.images[split.labels == 1, ..., 0] / 255
    assert not (regions.distractors & regions.targets).any()
    expected = relevance_mass(own, regions.distractors).mean()
    assert row["val_mass_on_distractors"] == pytest.approx(expected, rel=1e-5) != 0


def test_images_without_a_target_have_no_localisation(graph, split):
    split = split._replace(object_maps=np.zeros_like(split.object_maps))
    row = evaluate(graph, split, ValidationRegions.from_split(split))
    assert "val_coverage" in row and "val_pointing_game" not in row
